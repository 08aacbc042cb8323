//! Corrections of common misspellings.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

use super::words::folded;

/// Corrects the spelling of a word: "jai" becomes "j'ai". Punctuation at its end stays.
pub(super) fn correct_spelling(word: &str) -> Cow<'_, str> {
    let core = word.trim_end_matches(|c: char| !c.is_alphanumeric());
    let closing = &word[core.len()..];
    if closing.starts_with('\'') {
        return word.into();
    }
    let typed = folded(core);
    if let Some(meant) = CORRECTIONS.get(typed.as_str()) {
        return format!("{meant}{closing}").into();
    }
    match without_vowel(&typed) {
        // All characters are ASCII, so the lengths are equal.
        Some(verb) => format!("je {}{closing}", &core[core.len() - verb.len()..]).into(),
        None => word.into(),
    }
}

/// Builds the table.
pub(super) fn prepare() {
    LazyLock::force(&CORRECTIONS);
}

static CORRECTIONS: LazyLock<HashMap<&str, &str, FixedState>> =
    LazyLock::new(|| SPELLINGS.iter().copied().collect());

/// The rest of "jveux" and "j'sais" after "je": no French word starts with such letters.
fn without_vowel(typed: &str) -> Option<&str> {
    let rest = typed.strip_prefix('j')?;
    let verb = rest.strip_prefix('\'').unwrap_or(rest);
    let consonants = "bcdfglmnprstvz";
    let (first, second) = (verb.chars().next()?, verb.chars().nth(1)?);
    let fits = verb.is_ascii() && consonants.contains(first) && "aeiouylr".contains(second);
    fits.then_some(verb)
}

/// The keys have no accents. Words with another meaning, such as "ta" and "mes", are left out.
const SPELLINGS: &[(&str, &str)] = &[
    ("jai", "j'ai"),
    ("jaime", "j'aime"),
    ("jaimerais", "j'aimerais"),
    ("jaimerai", "j'aimerais"),
    ("jadore", "j'adore"),
    ("javais", "j'avais"),
    ("jaurais", "j'aurais"),
    ("jarrive", "j'arrive"),
    ("jarrete", "j'arrête"),
    ("jattends", "j'attends"),
    ("jespere", "j'espère"),
    ("jessaie", "j'essaie"),
    ("jetais", "j'étais"),
    ("jete", "je te"),
    ("jen", "j'en"),
    ("jy", "j'y"),
    ("jhabite", "j'habite"),
    ("jecoute", "j'écoute"),
    ("joublie", "j'oublie"),
    ("jirai", "j'irai"),
    ("g", "j'ai"),
    ("chui", "je suis"),
    ("chuis", "je suis"),
    ("chu", "je suis"),
    ("jui", "je suis"),
    ("jsui", "je suis"),
    ("chsuis", "je suis"),
    ("chais", "je sais"),
    ("chepa", "je sais pas"),
    ("chaipa", "je sais pas"),
    ("jsp", "je ne sais pas"),
    ("jpp", "je n'en peux plus"),
    ("jtm", "je t'aime"),
    ("jtaime", "je t'aime"),
    ("jmen", "je m'en"),
    ("jmennuie", "je m'ennuie"),
    ("jmappelle", "je m'appelle"),
    ("jten", "je t'en"),
    ("mappelle", "m'appelle"),
    ("mapelle", "m'appelle"),
    ("m'apelle", "m'appelle"),
    ("m'appele", "m'appelle"),
    ("mennuie", "m'ennuie"),
    ("sappelle", "s'appelle"),
    ("tappelles", "t'appelles"),
    ("taime", "t'aime"),
    ("maime", "m'aime"),
    ("t", "tu es"),
    ("t'as", "tu as"),
    ("t'avais", "tu avais"),
    ("t'auras", "tu auras"),
    ("t'aurais", "tu aurais"),
    ("c", "c'est"),
    ("cest", "c'est"),
    ("cets", "c'est"),
    ("cetait", "c'était"),
    ("ct", "c'était"),
    ("quil", "qu'il"),
    ("quils", "qu'ils"),
    ("quon", "qu'on"),
    ("dacc", "d'accord"),
    ("d'acc", "d'accord"),
    ("daccord", "d'accord"),
    ("dac", "d'accord"),
    ("aujourdhui", "aujourd'hui"),
    ("auj", "aujourd'hui"),
    ("ajd", "aujourd'hui"),
    ("ya", "il y a"),
    ("y'a", "il y a"),
    ("yavait", "il y avait"),
    ("y'avait", "il y avait"),
    ("yaura", "il y aura"),
    ("pk", "pourquoi"),
    ("pq", "pourquoi"),
    ("pkoi", "pourquoi"),
    ("pourkoi", "pourquoi"),
    ("pourkoua", "pourquoi"),
    ("prk", "pourquoi"),
    ("prq", "pourquoi"),
    ("pcq", "parce que"),
    ("pck", "parce que"),
    ("pcke", "parce que"),
    ("psk", "parce que"),
    ("parceque", "parce que"),
    ("paske", "parce que"),
    ("pasque", "parce que"),
    ("stp", "s'il te plaît"),
    ("steuplait", "s'il te plaît"),
    ("svp", "s'il vous plaît"),
    ("tkt", "t'inquiète"),
    ("tqt", "t'inquiète"),
    ("esk", "est-ce que"),
    ("esque", "est-ce que"),
    ("estceque", "est-ce que"),
    ("keske", "qu'est-ce que"),
    ("kesk", "qu'est-ce que"),
    ("keskon", "qu'est-ce qu'on"),
    ("keskil", "qu'est-ce qu'il"),
    ("kestu", "qu'est-ce que tu"),
    ("tfk", "tu fais quoi"),
    ("tfq", "tu fais quoi"),
    ("cava", "ça va"),
    ("sava", "ça va"),
    ("qd", "quand"),
    ("kan", "quand"),
    ("kand", "quand"),
    ("ki", "qui"),
    ("ke", "que"),
    ("koi", "quoi"),
    ("koa", "quoi"),
    ("kel", "quel"),
    ("kelle", "quelle"),
    ("commen", "comment"),
    ("cmt", "comment"),
    ("cmb", "combien"),
    ("bcp", "beaucoup"),
    ("bocoup", "beaucoup"),
    ("beaucou", "beaucoup"),
    ("tjrs", "toujours"),
    ("tjr", "toujours"),
    ("tjs", "toujours"),
    ("tjours", "toujours"),
    ("jms", "jamais"),
    ("vrmt", "vraiment"),
    ("vraimen", "vraiment"),
    ("mtn", "maintenant"),
    ("mnt", "maintenant"),
    ("dmain", "demain"),
    ("2main", "demain"),
    ("tt", "tout"),
    ("tlm", "tout le monde"),
    ("qqn", "quelqu'un"),
    ("qq1", "quelqu'un"),
    ("qqch", "quelque chose"),
    ("qqc", "quelque chose"),
    ("qlq", "quelque"),
    ("ptet", "peut-être"),
    ("ptetre", "peut-être"),
    ("peutetre", "peut-être"),
    ("p'tet", "peut-être"),
    ("pb", "problème"),
    ("pbs", "problèmes"),
    ("rdv", "rendez-vous"),
    ("ds", "dans"),
    ("ns", "nous"),
    ("vs", "vous"),
    ("pr", "pour"),
    ("dc", "donc"),
    ("mm", "même"),
    ("lgtps", "longtemps"),
    ("bjr", "bonjour"),
    ("bjour", "bonjour"),
    ("bsr", "bonsoir"),
    ("slt", "salut"),
    ("cc", "coucou"),
    ("mrc", "merci"),
    ("mci", "merci"),
    ("dsl", "désolé"),
    ("nn", "non"),
    ("wi", "oui"),
    ("ui", "oui"),
    ("ouai", "ouais"),
    ("oue", "ouais"),
    ("dr", "docteur"),
    ("tg", "ta gueule"),
    ("ntm", "nique ta mère"),
    ("fdp", "fils de pute"),
    ("osef", "on s'en fiche"),
    ("bb", "bébé"),
    ("tro", "trop"),
    ("wsh", "wesh"),
    ("jvs", "je vous"),
    ("reum", "mère"),
    ("reup", "père"),
    ("reuf", "frère"),
    ("reus", "sœur"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, meant: &str) {
        assert_eq!(correct_spelling(typed), meant);
    }

    #[test]
    fn misspellings_are_corrected() {
        check("jai", "j'ai");
        check("Cest", "c'est");
        check("chui", "je suis");
        check("jsuis,", "je suis,");
        check("j'suis", "je suis");
        check("ya", "il y a");
        check("pk?", "pourquoi?");
        check("stp...", "s'il te plaît...");
        check("tkt", "t'inquiète");
        check("bcp!", "beaucoup!");
        check("jsp", "je ne sais pas");
        check("jveux", "je veux");
        check("jcrois", "je crois");
        check("jte", "je te");
        check("t'as", "tu as");
    }

    #[test]
    fn other_words_are_unchanged() {
        for word in [
            "j'aime", "Jean", "journal", "jamais", "c'est", "t'es", "g'", "tg2", "été", "",
        ] {
            check(word, word);
        }
    }
}
