//! The English words by which what was said is cut and turned round.

/// Whether `list` has this word.
pub(super) fn lists(list: &str, word: &str) -> bool {
    !word.is_empty() && list.split_ascii_whitespace().any(|listed| listed == word)
}

/// What is often typed without its apostrophe, in short, in one word or in haste. Words that may mean
/// something else, as "ill" and "its", are not here.
pub(super) const SPELLINGS: &[(&str, &str)] = &[
    ("im", "I'm"),
    ("ive", "I've"),
    ("youre", "you're"),
    ("youve", "you've"),
    ("youll", "you'll"),
    ("theyre", "they're"),
    ("thats", "that's"),
    ("whats", "what's"),
    ("isnt", "isn't"),
    ("arent", "aren't"),
    ("aint", "ain't"),
    ("wasnt", "wasn't"),
    ("werent", "weren't"),
    ("dont", "don't"),
    ("doesnt", "doesn't"),
    ("didnt", "didn't"),
    ("havent", "haven't"),
    ("hasnt", "hasn't"),
    ("hadnt", "hadn't"),
    ("cant", "can't"),
    ("cannot", "can't"),
    ("couldnt", "couldn't"),
    ("wont", "won't"),
    ("wouldnt", "wouldn't"),
    ("shouldnt", "shouldn't"),
    ("wanna", "want to"),
    ("gonna", "going to"),
    ("gotta", "got to"),
    ("kinda", "kind of"),
    ("sorta", "sort of"),
    ("dunno", "don't know"),
    ("lemme", "let me"),
    ("gimme", "give me"),
    ("outta", "out of"),
    ("cmon", "come on"),
    ("hes", "he's"),
    ("shes", "she's"),
    ("theres", "there's"),
    ("hows", "how's"),
    ("wheres", "where's"),
    ("whos", "who's"),
    ("itll", "it'll"),
    ("thatll", "that'll"),
    ("weve", "we've"),
    ("theyve", "they've"),
    ("wouldve", "would've"),
    ("shouldve", "should've"),
    ("couldve", "could've"),
    ("mustnt", "mustn't"),
    ("neednt", "needn't"),
    ("yall", "you all"),
    ("u", "you"),
    ("ur", "your"),
    ("r", "are"),
    ("ya", "you"),
    ("y'all", "you all"),
    ("idk", "I don't know"),
    ("idc", "I don't care"),
    ("imo", "in my opinion"),
    ("imho", "in my opinion"),
    ("tbh", "to be honest"),
    ("btw", "by the way"),
    ("fyi", "by the way"),
    ("jk", "just kidding"),
    ("nvm", "never mind"),
    ("hru", "how are you"),
    ("wbu", "what about you"),
    ("hbu", "how about you"),
    ("wyd", "what are you doing"),
    ("wdym", "what do you mean"),
    ("ily", "I love you"),
    ("iirc", "if I remember right"),
    ("rn", "right now"),
    ("atm", "at the moment"),
    ("omg", "oh my god"),
    ("omfg", "oh my god"),
    ("wtf", "what the fuck"),
    ("wth", "what the hell"),
    ("stfu", "shut up"),
    ("srsly", "seriously"),
    ("ngl", "to be honest"),
    ("ofc", "of course"),
    ("np", "no problem"),
    ("yw", "you're welcome"),
    ("gn", "good night"),
    ("gm", "good morning"),
    ("g2g", "got to go"),
    ("gtg", "got to go"),
    ("ikr", "I know right"),
    ("smh", "oh dear"),
    ("afaik", "as far as I know"),
    ("irl", "in real life"),
    ("sry", "sorry"),
    ("soz", "sorry"),
    ("pls", "please"),
    ("plz", "please"),
    ("plss", "please"),
    ("thx", "thanks"),
    ("thnx", "thanks"),
    ("thanx", "thanks"),
    ("tnx", "thanks"),
    ("tks", "thanks"),
    ("ty", "thank you"),
    ("tysm", "thank you so much"),
    ("cuz", "because"),
    ("coz", "because"),
    ("cos", "because"),
    ("bc", "because"),
    ("bcuz", "because"),
    ("tho", "though"),
    ("altho", "although"),
    ("thru", "through"),
    ("til", "until"),
    ("w/", "with"),
    ("abt", "about"),
    ("b4", "before"),
    ("gr8", "great"),
    ("l8r", "later"),
    ("2day", "today"),
    ("2nite", "tonight"),
    ("tmrw", "tomorrow"),
    ("tmr", "tomorrow"),
    ("2moro", "tomorrow"),
    ("ppl", "people"),
    ("bf", "boyfriend"),
    ("gf", "girlfriend"),
    ("hw", "homework"),
    ("prolly", "probably"),
    ("probs", "probably"),
    ("def", "definitely"),
    ("luv", "love"),
    ("wat", "what"),
    ("wut", "what"),
    ("wht", "what"),
    ("yea", "yeah"),
    ("yeh", "yeah"),
    ("yh", "yeah"),
    ("yess", "yes"),
    ("noo", "no"),
    ("nooo", "no"),
    ("alot", "a lot"),
    ("noone", "no one"),
    ("eachother", "each other"),
    ("everytime", "every time"),
    ("nothin", "nothing"),
    ("somethin", "something"),
    ("feelin", "feeling"),
    ("doin", "doing"),
    ("goin", "going"),
    ("tryin", "trying"),
    ("workin", "working"),
    ("talkin", "talking"),
    ("thinkin", "thinking"),
    ("lookin", "looking"),
    ("havin", "having"),
    ("gettin", "getting"),
    ("teh", "the"),
    ("adn", "and"),
    ("becuase", "because"),
    ("becasue", "because"),
    ("beacuse", "because"),
    ("becouse", "because"),
    ("freind", "friend"),
    ("freinds", "friends"),
    ("frend", "friend"),
    ("realy", "really"),
    ("tommorow", "tomorrow"),
    ("tommorrow", "tomorrow"),
    ("tomorow", "tomorrow"),
    ("definately", "definitely"),
    ("wierd", "weird"),
    ("beleive", "believe"),
    ("belive", "believe"),
    ("untill", "until"),
    ("somthing", "something"),
    ("someting", "something"),
    ("mabye", "maybe"),
    ("mayby", "maybe"),
    ("lonley", "lonely"),
    ("lonly", "lonely"),
    ("anxios", "anxious"),
    ("angery", "angry"),
    ("depresed", "depressed"),
    ("stressd", "stressed"),
    ("tierd", "tired"),
    ("happend", "happened"),
    ("wich", "which"),
    ("thier", "their"),
    ("speach", "speech"),
    ("recieve", "receive"),
    ("brocken", "broken"),
    ("scool", "school"),
    ("shcool", "school"),
    ("techer", "teacher"),
    ("familly", "family"),
    ("borther", "brother"),
    ("hapy", "happy"),
    ("unhapy", "unhappy"),
    ("nite", "night"),
    ("diffrent", "different"),
    ("probaly", "probably"),
    ("allways", "always"),
    ("sombody", "somebody"),
    ("gf's", "girlfriend's"),
    ("bf's", "boyfriend's"),
    ("parnets", "parents"),
    ("wrok", "work"),
    ("knwo", "know"),
    ("konw", "know"),
    ("waht", "what"),
    ("yuo", "you"),
    ("jsut", "just"),
    ("liek", "like"),
    ("dreem", "dream"),
];

/// What changes whatever stands beside it.
pub(super) const MIRROR: &[(&str, &str)] = &[
    ("i", "you"),
    ("me", "you"),
    ("my", "your"),
    ("mine", "yours"),
    ("myself", "yourself"),
    ("am", "are"),
    ("i'm", "you're"),
    ("i've", "you've"),
    ("i'll", "you'll"),
    ("i'd", "you'd"),
    ("we", "you"),
    ("us", "you"),
    ("our", "your"),
    ("ours", "yours"),
    ("ourselves", "yourselves"),
    ("we're", "you're"),
    ("we've", "you've"),
    ("we'll", "you'll"),
    ("we'd", "you'd"),
    ("your", "my"),
    ("yours", "mine"),
    ("yourself", "myself"),
    ("you're", "I'm"),
    ("you've", "I've"),
    ("you'll", "I'll"),
    ("you'd", "I'd"),
];

/// Pronouns that are subjects, so that a verb behind them needs no other.
pub(super) const SUBJECTS: &str = "i he she it we they this that there";

/// Behind a comma these begin a new clause, which is matched alone.
pub(super) const CLAUSE_STARTS: &str = "\
    i i'm i've i'll i'd you you're you've you'll you'd he he's he'll he'd she she's she'll she'd \
    it it's it'll we we're we've we'll they they're they've they'll there there's that's but";

/// These begin a noun.
pub(super) const DETERMINERS: &str = "a an the my your his her its our their this that";

/// Before "you" these ask a question, and behind it they show that it is a subject.
pub(super) const AUXILIARIES: &str = "\
    are aren't is isn't was wasn't were weren't do don't did didn't does doesn't have haven't had \
    hadn't can can't could couldn't will won't would wouldn't shall should shouldn't must mustn't \
    may might";

/// After these, "you" is an object, whatever follows.
pub(super) const PREPOSITIONS: &str = "\
    of to with for from at on in by about against toward towards around near behind beside between \
    without under over into onto upon";

/// Before these, "you" is an object, unless a verb asked for a subject.
pub(super) const OBJECT_FOLLOWERS: &str = "\
    to for with in on at about of from by as than because and or but if when that the a an my your \
    his her its our their this these those me him us them too again so very much more less anymore \
    now today tonight tomorrow yesterday here there then yet either before after until since while \
    not all both up down out off away back over through who what how why where";

/// After these a clause may begin, and "you" be its subject.
pub(super) const CLAUSE_OPENERS: &str = "\
    that if because when whenever while why how what where who whom which whatever wherever \
    whoever whether unless until till since before after though although so and but or then as \
    than once me him her us them everyone everybody everything anything nothing something things \
    people way time all reason moment person think thinks thought know knows knew feel feels felt \
    believe believes believed say says said guess suppose hope hopes hoped wish wishes wished bet \
    swear imagine afraid sure glad sorry happy sad angry certain convinced worried scared \
    surprised mean means meant";

/// After these, "like" compares, and a clause may follow: "I feel like you hate me".
pub(super) const SEEMING: &str = "\
    feel feels felt look looks looked sound sounds sounded seem seems seemed";

/// These may stand between a subject and its verb.
pub(super) const ADVERBS: &str = "\
    never always really just also still only even ever actually often sometimes usually probably \
    definitely simply hardly already not";

/// Words that have a capital only where they begin a sentence.
pub(super) const FUNCTION_WORDS: &str = "\
    the a an this that these those it it's its he he's she she's we we're they they're his her our \
    their there there's that's what when where why how who if because and but so all some every \
    everyone everybody everything nobody nothing no not someone somebody something people in on at \
    with for from of to by as is are was were do does did have has had can could will would should \
    one each any many most much few both either neither another such only just even maybe perhaps \
    today tomorrow yesterday last next then life love time money work school things thing men women \
    having being getting going";

/// After these, "were" is a wish and no past.
pub(super) const WISHES: &str = "if wish wishes wished though";

/// After these, "if" means "whether", so that "were" is a past.
pub(super) const ASKING: &str = "\
    know knows knew ask asks asked wonder wonders wondered wondering see tell tells told me him \
    her us them you remember say said sure certain doubt";

/// These end with a full stop that ends no sentence.
pub(super) const ABBREVIATIONS: &str = "mr. mrs. ms. dr. st. prof.";
