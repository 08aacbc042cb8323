//! Removes phrases that do not change the meaning of a sentence from its start and end.

use std::sync::LazyLock;

use regex::Regex;

use crate::engine::pattern::language::ignoring_case;

/// What is removed, compiled once.
struct Patterns {
    tail: Regex,
    opinion: Regex,
    joining: Regex,
    opening: Regex,
    stressed: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns {
    tail: ignoring_case(concat!(
        r"(?:,? s'il (?:te|vous) pla[iî]t|,? hein|,? mdr+|,? lol|,? ptdr|,? xd|,? (?:ha){2,}|,? \^\^",
        r"|,? n'est-ce pas|,? ou (?:pas|non)|,? tu sais|,? vous savez|,? tu vois| ?:[dpo]",
        r"|,? merci (?:beaucoup|bien|d'avance)",
        r"|, (?:l'ami|mon ami|mon amie|docteur|madame|monsieur|mon pote|mon vieux)",
        r"|, (?:merci|non|si|quoi|d'accord|ok|okay|voil[aà]|en fait|du coup|en plus|sinon|oui",
        r"|hélas|helas|finalement|franchement|je crois|je pense|je suppose|je trouve))+$",
    )),
    // Not from a sentence that would be too short: "oui je crois", "c'est ce que je pense".
    opinion: ignoring_case(r"^.* .* (\S+)( je (?:crois|pense|suppose|dirais))$"),
    joining: ignoring_case(concat!(
        r"^(?:(?:alors que|et|mais|alors|donc|puis|car|or|bref|enfin|sinon|ensuite|apr[eè]s|franchement|voil[aà]",
        r"|honn[eê]tement|s[eé]rieusement|du coup|en fait|en plus|par contre|en tout cas|de toute fa[cç]on",
        r"|perso|personnellement|d'ailleurs|disons|disons que|tu sais quoi|euh+|heu+|ben|bah|beh|eh ben",
        r"|eh bien|bon ben|bon bah|genre|surtout|s'il (?:te|vous) pla[iî]t),? ",
        r"|(?:bon|oh|ah|ok|okay|hé|eh|hey|hello|bonjour|bonsoir|salut|coucou|dis|dites|dis-moi|[eé]coute|tiens",
        r"|tu sais|tu vois|attends|allez|d'accord|oui|ouais|non|nan|mouais|hmm*|mmh*|mdr|lol",
        r"|s'il (?:te|vous) pla[iî]t)",
        r"(?: (?:toi|l'ami|mon ami|mon amie))?, )+",
    )),
    // Only before a clause that can stand alone.
    opening: ignoring_case(concat!(
        r"^(?:(?:aujourd'hui|hier(?: (?:soir|matin))?|demain|maintenant|parfois|des fois|souvent",
        r"|quelquefois|r[eé]cemment|derni[eè]rement|en ce moment|ces temps-ci|avant|l'autre jour|un jour",
        r"|(?:ce|le|tous les) (?:matins?|soirs?|week-ends?|weekends?|jours?)|(?:la|cette) nuit",
        r"|(?:cette|la) semaine(?: derni[eè]re| prochaine)?|l'ann[eé]e (?:derni[eè]re|prochaine)",
        r"|la derni[eè]re fois|depuis (?:hier|ce matin|longtemps)|d'un c[oô]t[eé]|de l'autre|en vrai|au fond",
        r"|[aà] vrai dire|ici|l[aà]-bas|en ce moment|oui|ouais|non|nan|bonjour|bonsoir|salut|coucou|hello|hey",
        r"|bon|ah|oh|ok|mdr|lol|merci|vraiment|malheureusement|heureusement|peut[- ][eê]tre que",
        r"|je crois bien que|heureusement que|dis|hmm|mmh|alors que|sauf que|surtout que|m[eê]me que),? )+",
        r"((?:je|tu|il|elle|on|nous|ils|elles|vous|[cç]a|moi|mon|ma|mes|ton|ta|tes|y a|pourquoi|comment",
        r"|qu'est|est-ce|qui|quel|quelle|o[uù]|combien|quand)\b.|c'[eé].|j'.|t'.)",
    )),
    stressed: ignoring_case(r"^(?:moi|toi)(?: aussi)?,? ((?:je|tu)\b.|j'.|t'.)"),
});

/// Compiles the patterns.
pub(super) fn prepare() {
    LazyLock::force(&PATTERNS);
}

/// The sentence without closing phrases ("s'il te plaît", "merci") and questions ("n'est-ce pas
/// ?"). Never empty.
pub(super) fn without_tail(sentence: &str) -> &str {
    let tail = PATTERNS.tail.find(sentence).filter(|tail| 0 < tail.start());
    let sentence = tail.map_or(sentence, |tail| &sentence[..tail.start()]);
    without_opinion(sentence).unwrap_or(sentence)
}

/// The sentence without a closing "je crois" that no comma precedes.
fn without_opinion(sentence: &str) -> Option<&str> {
    let parts = PATTERNS.opinion.captures(sentence)?;
    let before = parts.get(1)?.as_str().to_lowercase();
    let opinion = parts.get(2)?;
    let joins = [
        "que", "ce", "comme", "et", "mais", "quand", "si", "où", "qui", "dont",
    ];
    (!joins.contains(&before.as_str())).then(|| &sentence[..opinion.start()])
}

/// The clause without words that join it to the previous one ("et", "ben,") and without a leading
/// time or stressed pronoun ("hier je", "moi je"). Never empty.
pub(super) fn without_head(clause: &str) -> &str {
    let mut clause = clause;
    loop {
        let before = clause.len();
        if let Some(head) = PATTERNS
            .joining
            .find(clause)
            .filter(|head| head.end() < before)
        {
            clause = &clause[head.end()..];
        }
        for head in [&PATTERNS.opening, &PATTERNS.stressed] {
            if let Some(rest) = head.captures(clause).and_then(|head| head.get(1)) {
                clause = &clause[rest.start()..];
            }
        }
        if clause.len() == before {
            return clause;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sentence: &str, left: &str) {
        assert_eq!(without_head(without_tail(sentence)), left);
    }

    #[test]
    fn closing_phrases_are_removed() {
        check("Aide-moi s'il te plaît", "Aide-moi");
        check("aide-moi, s'il vous plait", "aide-moi");
        check("Tu es un robot, n'est-ce pas", "Tu es un robot");
        check("tu es un robot, non", "tu es un robot");
        check("tu m'écoutes hein", "tu m'écoutes");
        check("C'est dur, tu sais", "C'est dur");
        check("Je vais bien, merci", "Je vais bien");
        check("je vais bien merci beaucoup", "je vais bien");
        check("tu viens ou pas", "tu viens");
        check("on y va, d'accord", "on y va");
        check("c'est nul mdr", "c'est nul");
        check("il fait ses dents je crois", "il fait ses dents");
    }

    #[test]
    fn opening_words_are_removed() {
        check("Et pourquoi", "pourquoi");
        check("Bon, mais je suis triste", "je suis triste");
        check("bonjour, ma mère me déteste", "ma mère me déteste");
        check("salut je m'appelle Ann", "je m'appelle Ann");
        check("Aujourd'hui j'étais malade", "j'étais malade");
        check("Ben en fait moi je crois que oui", "je crois que oui");
        check("euh oui je sais", "je sais");
        check("hier soir, il a plu", "il a plu");
        check("et toi", "toi");
    }

    #[test]
    fn a_sentence_is_never_emptied() {
        check("alors que moi je dors", "je dors");
        check("moi c'est Ann", "moi c'est Ann");
        check("merci, l'ami", "merci");
        check("si je dors", "si je dors");
        check("dis quelque chose", "dis quelque chose");
        check("c'est ce que je pense", "c'est ce que je pense");
        for whole in [
            "s'il te plaît",
            "merci",
            "hein",
            "bonjour",
            "bon",
            "alors",
            "Alorsque",
            "non",
            "n'est-ce pas",
            "tu sais",
            "mais",
            "oui",
            "ou pas",
            "lol",
            "Etienne est là",
        ] {
            check(whole, whole);
        }
        check("Non, merci", "Non");
        check("Hier était bien", "Hier était bien");
        check("c'est quoi", "c'est quoi");
    }
}
