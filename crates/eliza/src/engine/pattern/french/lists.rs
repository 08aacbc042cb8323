//! French word lists for clauses and reflection, without accents, as many people type.

use std::sync::LazyLock;

use crate::engine::pattern::word_lists::{List, Lists};

/// Whether this list contains the word.
pub(super) fn lists(list: List, word: &str) -> bool {
    ALL.of(word).is_in(list)
}

/// Builds the table.
pub(super) fn prepare() {
    LazyLock::force(&ALL);
}

static ALL: LazyLock<Lists> = LazyLock::new(|| {
    Lists::new(&[
        SUBJECTS,
        CLITICS,
        INVERTED,
        PREPOSITIONS,
        NO_INFINITIVES,
        FUNCTION_WORDS,
        FEMININE,
        ABBREVIATIONS,
        CLAUSE_STARTS,
        JOINING,
        DETERMINERS,
        VERBS,
    ])
});

/// Words that always change. Those that may lose their vowel have it here; elision is applied when
/// the words are joined.
pub(super) const MIRROR: &[(&str, &str)] = &[
    ("me", "te"),
    ("m", "te"),
    ("te", "me"),
    ("t", "me"),
    ("moi", "toi"),
    ("toi", "moi"),
    ("mon", "ton"),
    ("ma", "ta"),
    ("mes", "tes"),
    ("ton", "mon"),
    ("ta", "ma"),
    ("tes", "mes"),
    ("votre", "mon"),
    ("vos", "mes"),
    ("mien", "tien"),
    ("mienne", "tienne"),
    ("miens", "tiens"),
    ("miennes", "tiennes"),
    ("tien", "mien"),
    ("tienne", "mienne"),
    ("tiennes", "miennes"),
];

/// Subject pronouns. "Vous" or "t'" after one is not a subject.
pub(super) const SUBJECTS: List = List(0, "j je tu il elle on ils elles ca cela ce c qui");

/// These may stand between a subject and its verb.
pub(super) const CLITICS: List = List(1, "ne n me m te t se s le la l les lui leur y en nous vous");

/// Verbs that precede "tu" in a question, even without the hyphen.
pub(super) const INVERTED: List = List(
    2,
    "\
    es as vas peux veux dois sais fais dis penses crois aimes connais vois comprends viens manges \
    dors etais avais seras pourrais voudrais aurais serais habites entends reves detestes prefere \
    preferes ressens appelles",
);

/// After these, "vous" is not the object of a verb, unless an infinitive follows.
pub(super) const PREPOSITIONS: List = List(
    3,
    "\
    a de d avec pour sans chez contre sur par vers entre comme que qu et ou dans devant derriere \
    selon envers apres avant malgre sauf",
);

/// Words that end like an infinitive.
pub(super) const NO_INFINITIVES: List = List(
    4,
    "\
    hier mer cher fier hiver amer enfer leger premier dernier entier libre notre votre autre quatre \
    contre entre encore faire-part plaisir avenir soupir desir souvenir pire rire",
);

/// Words that have a capital only at the start of a sentence.
pub(super) const FUNCTION_WORDS: List = List(
    5,
    "\
    le la l les un une des du de d ce c cet cette ces ca cela il elle on ils elles nous vous notre \
    nos leur leurs son sa ses se s qui que qu quoi quand comment combien ou pourquoi parce si et \
    mais donc car ne n en y au aux a dans sur sous avec sans pour par chez vers entre tout toute \
    tous toutes tout rien personne quelqu quelque quelques chaque plus pas jamais toujours trop \
    tres bien mal avoir etre faire aller est sont etait lui eux depuis pendant comme",
);

/// Feminine nouns without a typical ending.
pub(super) const FEMININE: List = List(
    6,
    "\
    vie mere soeur voix tete maison reponse langue place faute main peau fille femme copine machine \
    bouche chambre voiture nuit peur mort gueule fete musique couleur creatrice memoire patience \
    logique conscience personne raison chance cause part foi force page photo passion maman parole \
    phrase blague remarque pensee theorie religion",
);

/// Endings of nouns that are mostly feminine.
pub(super) const FEMININE_ENDINGS: &str = "\
    tion sion xion gion ite ete ette ence ance ie ure ude ade esse euse trice aine elle ille ise";

/// The full stop of these does not end a sentence.
pub(super) const ABBREVIATIONS: List = List(
    7,
    "m. mm. mme. mmes. mlle. mlles. dr. pr. me. st. ste. env. ex. cf. av. bd. tel. p.",
);

/// After a comma these start a new clause, which is matched separately.
pub(super) const CLAUSE_STARTS: List = List(
    8,
    "je tu il elle on ils elles nous vous ca cela ce si c'est c'etait c'etaient",
);

/// These are always followed by a verb.
pub(super) const ELIDED_STARTS: &str = "j' t' c' y'";

/// These join a clause to the previous one.
pub(super) const JOINING: List = List(9, "et mais donc alors puis car ou");

/// These start a noun phrase.
pub(super) const DETERMINERS: List = List(
    10,
    "\
    le la les un une des mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce cet \
    cette ces",
);

/// After a noun these show that it is a subject.
pub(super) const VERBS: List = List(
    11,
    "\
    est sont etait etaient sera seront a ont avait avaient va vont veut veulent peut peuvent doit \
    fait dit ne me te nous vous se lui m n s t",
);
