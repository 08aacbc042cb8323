//! The replies fit the meaning of the input, not just one of its words.

use crate::{ami, check_all, replies};

/// No reply to the line contains any of the words.
#[track_caller]
fn refused(line: &str, words: &[&str]) {
    for reply in replies(line) {
        let input = words.iter().find(|word| reply.contains(**word));
        assert_eq!(input, None, "{line}: {reply}");
    }
}

#[test]
fn not_eating_is_taken_up() {
    for line in [
        "j'arrive plus à manger",
        "je mange presque rien",
        "j'ai pas faim",
    ] {
        check_all(&[line], &["l'appétit", "ventre", "médecin"]);
        refused(line, &["Bon appétit", "cuisine", "plat"]);
    }
}

#[test]
fn others_are_not_mistaken_for_the_user() {
    refused("mon voisin met la radio à fond", &["quand tu fais ça"]);
    refused(
        "elle joue du violon le soir",
        &["quand tu fais ça", "commencé"],
    );
    refused("il a peur du noir", &["as-tu peur", "ton corps"]);
    refused("elle pleure le matin", &["te ferait du bien"]);
    refused("mon père a eu un infarctus", &["t'entends-tu", "appris"]);
    check_all(
        &["elle me manque", "mes cousins me manquent"],
        &["manque", "dis", "famille", "place"],
    );
}

#[test]
fn another_joke_follows_a_joke() {
    for seed in 0..40 {
        let mut talk = ami(seed);
        let first = talk.reply("raconte-moi une blague").text;
        let second = talk.reply("une autre").text;
        assert_ne!(first, second);
        assert!(!second.contains("représente"), "{second}");
    }
}

#[test]
fn a_closing_opinion_is_not_repeated() {
    for reply in replies("il fait trop de bruit je crois") {
        assert!(!reply.contains("crois"), "{reply}");
    }
}

#[test]
fn illness_and_lost_joy_are_not_good_news() {
    for line in [
        "J'ai eu le covid",
        "Rien n'a de goût depuis que j'ai eu le covid",
        "On dit que je suis trop calme",
        "je suis trop calme",
        "J'étais heureux avec lui",
        "j'ai eu la grippe",
        "j'ai eu ma mère au téléphone",
        "il croit que je suis heureuse",
    ] {
        refused(
            line,
            &[
                "plaisir",
                "Profites-en",
                "bonne nouvelle",
                "Tant mieux",
                "joie",
            ],
        );
    }
    for line in [
        "j'ai eu le poste",
        "je suis très heureuse",
        "mon chien me rend heureux",
        "je l'ai revu et je suis content",
    ] {
        check_all(&[line], &["plaisir", "Profites-en", "bonne nouvelle"]);
    }
}

/// Standard reflection examples for such programs, in French.
#[test]
fn input_is_reflected() {
    for (line, words) in [
        (
            "J'ai besoin d'aide !?",
            &["commencer", "aide", "Je suis là", "t'écoute"] as &[_],
        ),
        (
            "Pourquoi tu ne peux pas m'aider ?",
            &["que je ne peux pas t'aider"],
        ),
        (
            "Pourquoi ne peux-tu pas m'aider ?",
            &["que je ne peux pas t'aider"],
        ),
        ("Ma mère me déteste", &["ta mère"]),
        (
            "J'ai peur que tu ne m'aimes pas",
            &["peur que je ne t'aime pas", "arriver de pire"],
        ),
        (
            "es-tu la raison pour laquelle je suis malheureux",
            &[
                "si je suis la raison pour laquelle tu es malheureux",
                "Parlons plutôt de toi",
            ],
        ),
        (
            "je pense que tu avais tort",
            &["que j'avais tort", "en était autrement"],
        ),
        (
            "tu m'as dit que tu m'aimais",
            &["que je t'ai dit que je t'aimais"],
        ),
        (
            "je ne suis pas moi-même",
            &["être toi-même", "d'être toi-même", "tu n'es pas toi-même"],
        ),
        ("ce livre est à moi", &["que ce livre est à toi"]),
        ("j'étais heureux avec lui", &["u étais heureux avec lui"]),
    ] {
        check_all(&[line], words);
        refused(
            line,
            &[
                "moi-même",
                "à moi",
                "ma mère",
                "m'aim",
                "m'aid",
                "tu avais",
                "es-tu la",
            ],
        );
    }
}
