//! The English words by which what was said is turned round.

/// Whether `list` has this word.
pub(crate) fn lists(list: &str, word: &str) -> bool {
    !word.is_empty() && list.split_ascii_whitespace().any(|listed| listed == word)
}

/// What changes whatever stands beside it.
pub(crate) const MIRROR: &[(&str, &str)] = &[
    ("i", "you"),
    ("me", "you"),
    ("my", "your"),
    ("mine", "yours"),
    ("myself", "yourself"),
    ("am", "are"),
    ("i'm", "you're"),
    ("im", "you're"),
    ("i've", "you've"),
    ("i'll", "you'll"),
    ("i'd", "you'd"),
    ("your", "my"),
    ("yours", "mine"),
    ("yourself", "myself"),
    ("you're", "I'm"),
    ("you've", "I've"),
    ("you'll", "I'll"),
    ("you'd", "I'd"),
];

pub(crate) const AUXILIARIES: &str = "\
    are aren't is isn't was wasn't were weren't do don't did didn't does doesn't have haven't had \
    hadn't can can't cannot could couldn't will won't would wouldn't shall should shouldn't must \
    mustn't may might";

/// After these, "you" is an object, whatever follows.
pub(crate) const PREPOSITIONS: &str = "\
    of to with for from at on in by about against toward towards around near behind beside between \
    without under over into onto upon";

/// Before these, "you" is an object, unless a verb asked for a subject.
pub(crate) const OBJECT_FOLLOWERS: &str = "\
    to for with in on at about of from by as than because and or but if when that the a an my your \
    his her its our their this these those me him us them too again so very much more less anymore \
    now today tonight tomorrow yesterday here there then yet either before after until since while \
    not all both up down out off away back over through who what how why where";

/// After these a clause may begin, and "you" be its subject.
pub(crate) const CLAUSE_OPENERS: &str = "\
    that if because when whenever while why how what where who whom which whether unless until \
    till since before after though although so and but or then as than once me him her us them \
    everyone everybody everything anything nothing something things way time all reason moment \
    person think thinks thought know knows knew feel feels felt believe believes believed say says \
    said guess suppose hope hopes hoped wish wishes wished bet swear imagine afraid sure glad \
    sorry happy sad angry certain convinced worried scared surprised mean means meant";

pub(crate) const SEEMING: &str = "\
    feel feels felt look looks looked sound sounds sounded seem seems seemed";

pub(crate) const ADVERBS: &str = "\
    never always really just also still only even ever actually often sometimes usually probably \
    definitely simply hardly already not";

/// Words that have a capital only where they begin a sentence.
pub(crate) const FUNCTION_WORDS: &str = "\
    the a an this that these those it it's its he he's she she's we we're they they're his her our \
    their there there's that's what when where why how who if because and but so all some every \
    everyone everybody everything nobody nothing no not someone somebody something people in on at \
    with for from of to by as is are was were do does did have has had can could will would should";

/// After these, "were" is a wish and no past.
pub(crate) const WISHES: &str = "if wish wishes wished though";
