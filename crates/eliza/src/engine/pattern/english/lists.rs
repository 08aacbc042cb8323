//! English word lists for clauses and reflection.

use std::sync::LazyLock;

use crate::engine::pattern::word_lists::{List, Lists, Membership};

/// The lists that contain the word.
pub(super) fn lists_of(word: &str) -> Membership {
    ALL.of(word)
}

/// Builds the table.
pub(super) fn prepare() {
    LazyLock::force(&ALL);
}

static ALL: LazyLock<Lists> = LazyLock::new(|| {
    Lists::new(&[
        SUBJECTS,
        CLAUSE_STARTS,
        DETERMINERS,
        AUXILIARIES,
        PREPOSITIONS,
        OBJECT_FOLLOWERS,
        CLAUSE_OPENERS,
        SEEMING,
        ADVERBS,
        FUNCTION_WORDS,
        WISHES,
        ASKING,
        ABBREVIATIONS,
        I,
        YOU,
        I_OR_ME,
        HAVE_OR_BE,
    ])
});

/// Words that always change.
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

/// Subject pronouns. A verb after one needs no other subject.
pub(super) const SUBJECTS: List = List(0, "i he she it we they this that there");

/// After a comma these start a new clause, which is matched separately.
pub(super) const CLAUSE_STARTS: List = List(
    1,
    "\
    i i'm i've i'll i'd you you're you've you'll you'd he he's he'll he'd she she's she'll she'd \
    it it's it'll we we're we've we'll they they're they've they'll there there's that's but",
);

/// These start a noun phrase.
pub(super) const DETERMINERS: List = List(2, "a an the my your his her its our their this that");

/// Before "you" these ask a question; after it they show that it is a subject.
pub(super) const AUXILIARIES: List = List(
    3,
    "\
    are aren't is isn't was wasn't were weren't do don't did didn't does doesn't have haven't had \
    hadn't can can't could couldn't will won't would wouldn't shall should shouldn't must mustn't \
    may might",
);

/// After these, "you" is an object.
pub(super) const PREPOSITIONS: List = List(
    4,
    "\
    of to with for from at on in by about against toward towards around near behind beside between \
    without under over into onto upon",
);

/// Before these, "you" is an object, unless a verb before it needs a subject.
pub(super) const OBJECT_FOLLOWERS: List = List(
    5,
    "\
    to for with in on at about of from by as than because and or but if when that the a an my your \
    his her its our their this these those me him us them too again so very much more less anymore \
    now today tonight tomorrow yesterday here there then yet either before after until since while \
    not all both up down out off away back over through who what how why where",
);

/// After these a clause may start with "you" as its subject.
pub(super) const CLAUSE_OPENERS: List = List(
    6,
    "\
    that if because when whenever while why how what where who whom which whatever wherever \
    whoever whether unless until till since before after though although so and but or then as \
    than once me him her us them everyone everybody everything anything nothing something things \
    people way time all reason moment person think thinks thought know knows knew feel feels felt \
    believe believes believed say says said guess suppose hope hopes hoped wish wishes wished bet \
    swear imagine afraid sure glad sorry happy sad angry certain convinced worried scared \
    surprised mean means meant",
);

/// After these, "like" compares, and a clause may follow: "I feel like you hate me".
pub(super) const SEEMING: List = List(
    7,
    "\
    feel feels felt look looks looked sound sounds sounded seem seems seemed",
);

/// These may stand between a subject and its verb.
pub(super) const ADVERBS: List = List(
    8,
    "\
    never always really just also still only even ever actually often sometimes usually probably \
    definitely simply hardly already not",
);

/// Words that have a capital only at the start of a sentence.
pub(super) const FUNCTION_WORDS: List = List(
    9,
    "\
    the a an this that these those it it's its he he's she she's we we're they they're his her our \
    their there there's that's what when where why how who if because and but so all some every \
    everyone everybody everything nobody nothing no not someone somebody something people in on at \
    with for from of to by as is are was were do does did have has had can could will would should \
    one each any many most much few both either neither another such only just even maybe perhaps \
    today tomorrow yesterday last next then life love time money work school things thing men women \
    having being getting going",
);

/// After these, "were" is a subjunctive.
pub(super) const WISHES: List = List(10, "if wish wishes wished though");

/// After these, "if" means "whether", so "were" is a past tense.
pub(super) const ASKING: List = List(
    11,
    "\
    know knows knew ask asks asked wonder wonders wondered wondering see tell tells told me him \
    her us them you remember say said sure certain doubt",
);

/// The full stop of these does not end a sentence.
pub(super) const ABBREVIATIONS: List = List(12, "mr. mrs. ms. dr. st. prof.");

/// The speaker, as a subject.
pub(super) const I: List = List(13, "i");

/// The person addressed.
pub(super) const YOU: List = List(14, "you");

/// The speaker, in "you and I" and "you and me".
pub(super) const I_OR_ME: List = List(15, "i me");

/// Auxiliaries that may take an object.
pub(super) const HAVE_OR_BE: List = List(16, "have had is isn't was wasn't");
