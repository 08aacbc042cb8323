//! The replies fit what was said, and not just a word in it.

use crate::{ami, check_all, replies};

/// No reply to the line contains any of the words.
#[track_caller]
fn refused(line: &str, words: &[&str]) {
    for reply in replies(line) {
        let said = words.iter().find(|word| reply.contains(**word));
        assert_eq!(said, None, "{line}: {reply}");
    }
}

#[test]
fn who_cannot_eat_is_heard() {
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
fn others_are_not_taken_for_the_user() {
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
