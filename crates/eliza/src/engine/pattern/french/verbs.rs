//! Verb forms of the other person: "je pense" becomes "tu penses".

use std::borrow::Cow;

use super::words::folded;

/// The subject of a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Person {
    I,
    You,
    /// "Vous", addressed to one person.
    Formal,
}

impl Person {
    /// The subject after reflection.
    pub(super) fn turned(self) -> &'static str {
        match self {
            Self::I => "tu",
            Self::You | Self::Formal => "je",
        }
    }

    /// The verb form after reflection: of "je" the form of "tu"; of "tu" and "vous" that of "je".
    pub(super) fn turn(self, verb: &str) -> String {
        let verb = verb.to_lowercase();
        match self {
            Self::I => second(&verb),
            Self::You => first(&verb),
            Self::Formal => first_of_formal(&verb),
        }
    }
}

/// Whether "vous" may be the subject of this verb, given without accents.
pub(super) fn is_formal(folded: &str) -> bool {
    matches!(folded, "etes" | "faites" | "dites" | "refaites" | "redites")
        || folded.ends_with("ez") && !matches!(folded, "chez" | "nez" | "assez" | "rez")
}

/// The form of "tu", from that of "je".
fn second(verb: &str) -> String {
    match folded(verb).as_str() {
        "ai" => "as".to_owned(),
        "suis" => "es".to_owned(),
        "vais" => "vas".to_owned(),
        "puis" => "peux".to_owned(),
        form if form.ends_with("rai") => replaced(verb, "ai", "as"),
        // Probably a misspelt imperfect: a passé simple is rare.
        form if form.ends_with("ai") => format!("{verb}s"),
        _ if verb.ends_with('e') => format!("{verb}s"),
        form => mended(verb, form),
    }
}

/// The form of "je", from that of "tu".
fn first(verb: &str) -> String {
    match folded(verb).as_str() {
        "es" | "est" => "suis".to_owned(),
        "as" | "a" => "ai".to_owned(),
        "vas" | "va" => "vais".to_owned(),
        form if form.ends_with("ras") => replaced(verb, "as", "ai"),
        form if form.ends_with("es") => replaced(verb, "s", ""),
        form => mended(verb, form),
    }
}

/// Corrects a form of the third person: "je peut", "tu doit".
fn mended(verb: &str, form: &str) -> String {
    match form {
        "peut" | "veut" | "vaut" => replaced(verb, "t", "x"),
        _ if form.ends_with("it") => replaced(verb, "t", "s"),
        _ => verb.to_owned(),
    }
}

/// The form of "je", from that of "vous".
fn first_of_formal(verb: &str) -> String {
    let form = folded(verb);
    if let Some((_, turned)) = FORMAL.iter().find(|(typed, _)| *typed == form) {
        return (*turned).to_owned();
    }
    let stem = verb.strip_suffix("ez").unwrap_or(verb);
    let stem_form = form.strip_suffix("ez").unwrap_or(&form);
    let is_one_of = |list: &str| {
        list.split_ascii_whitespace()
            .any(|listed| listed == stem_form)
    };
    if stem.len() == verb.len() {
        verb.to_owned()
    } else if stem_form.ends_with('i') && !is_one_of("oubli appreci mari publi cri pri etudi copi")
    {
        format!("{}ais", &stem[..stem.len() - 1]) // "étiez", "seriez"
    } else if let Some(stem) = stem
        .strip_suffix("iss")
        .filter(|_| !is_one_of("gliss piss"))
    {
        format!("{stem}is") // "finissez", but "laissez" is in the list
    } else if stem_form.ends_with('r') && !is_one_of(WITH_R) {
        format!("{stem}ai") // "serez", "ferez"
    } else if let Some(stem) = stem.strip_suffix('y') {
        format!("{stem}ie")
    } else {
        format!("{stem}e")
    }
}

fn replaced(verb: &str, end: &str, by: &str) -> String {
    let stem = verb
        .strip_suffix(end)
        .map_or(Cow::Borrowed(verb), Cow::Borrowed);
    format!("{stem}{by}")
}

/// Stems that end with r, so that `-ez` after them is not a future.
const WITH_R: &str = "\
    ador admir ignor montr rencontr entr rentr pleur desir rassur respir tir demeur jur dur mesur \
    separ prepar repar compar declar par bar chiffr attir inspir retir honor explor amelior livr \
    demontr enregistr assur censur murmur";

/// Irregular forms of "vous", without accents.
const FORMAL: &[(&str, &str)] = &[
    ("etes", "suis"),
    ("avez", "ai"),
    ("allez", "vais"),
    ("faites", "fais"),
    ("dites", "dis"),
    ("pouvez", "peux"),
    ("voulez", "veux"),
    ("devez", "dois"),
    ("savez", "sais"),
    ("venez", "viens"),
    ("devenez", "deviens"),
    ("revenez", "reviens"),
    ("souvenez", "souviens"),
    ("tenez", "tiens"),
    ("prenez", "prends"),
    ("comprenez", "comprends"),
    ("apprenez", "apprends"),
    ("voyez", "vois"),
    ("croyez", "crois"),
    ("connaissez", "connais"),
    ("reconnaissez", "reconnais"),
    ("paraissez", "parais"),
    ("laissez", "laisse"),
    ("baissez", "baisse"),
    ("entendez", "entends"),
    ("attendez", "attends"),
    ("repondez", "réponds"),
    ("perdez", "perds"),
    ("vendez", "vends"),
    ("rendez", "rends"),
    ("defendez", "défends"),
    ("pretendez", "prétends"),
    ("mettez", "mets"),
    ("permettez", "permets"),
    ("promettez", "promets"),
    ("dormez", "dors"),
    ("partez", "pars"),
    ("sortez", "sors"),
    ("sentez", "sens"),
    ("ressentez", "ressens"),
    ("mentez", "mens"),
    ("servez", "sers"),
    ("ecrivez", "écris"),
    ("vivez", "vis"),
    ("suivez", "suis"),
    ("lisez", "lis"),
    ("buvez", "bois"),
    ("recevez", "reçois"),
    ("riez", "ris"),
    ("souriez", "souris"),
    ("courez", "cours"),
    ("mourez", "meurs"),
    ("ouvrez", "ouvre"),
    ("offrez", "offre"),
    ("souffrez", "souffre"),
    ("plaisez", "plais"),
    ("taisez", "tais"),
    ("plaignez", "plains"),
    ("craignez", "crains"),
    ("soyez", "sois"),
    ("ayez", "aie"),
    ("haissez", "hais"),
    ("preferez", "préfère"),
    ("esperez", "espère"),
    ("repetez", "répète"),
    ("inquietez", "inquiète"),
    ("considerez", "considère"),
    ("appelez", "appelle"),
    ("rappelez", "rappelle"),
    ("achetez", "achète"),
    ("promenez", "promène"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(person: Person, pairs: &[(&str, &str)]) {
        for (verb, turned) in pairs {
            assert_eq!(person.turn(verb), *turned, "{verb}");
        }
    }

    #[test]
    fn i_becomes_you() {
        check(
            Person::I,
            &[
                ("suis", "es"),
                ("ai", "as"),
                ("vais", "vas"),
                ("pense", "penses"),
                ("serai", "seras"),
                ("serais", "serais"),
                ("peux", "peux"),
                ("peut", "peux"),
                ("dois", "dois"),
                ("était", "étais"),
                ("sois", "sois"),
                ("fasse", "fasses"),
            ],
        );
    }

    #[test]
    fn you_becomes_i() {
        check(
            Person::You,
            &[
                ("es", "suis"),
                ("as", "ai"),
                ("vas", "vais"),
                ("penses", "pense"),
                ("pense", "pense"),
                ("seras", "serai"),
                ("fais", "fais"),
                ("veux", "veux"),
                ("dis", "dis"),
                ("viennes", "vienne"),
            ],
        );
    }

    #[test]
    fn formal_you_becomes_i() {
        check(
            Person::Formal,
            &[
                ("êtes", "suis"),
                ("etes", "suis"),
                ("avez", "ai"),
                ("pensez", "pense"),
                ("étiez", "étais"),
                ("seriez", "serais"),
                ("pourrez", "pourrai"),
                ("serez", "serai"),
                ("adorez", "adore"),
                ("finissez", "finis"),
                ("laissez", "laisse"),
                ("envoyez", "envoie"),
                ("oubliez", "oublie"),
                ("préférez", "préfère"),
                ("dormez", "dors"),
                ("glissez", "glisse"),
            ],
        );
    }
}
