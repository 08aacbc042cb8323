//! Replies of the French friend, over many seeds.

mod sense;
mod spelling;

use std::collections::HashSet;

use spelling::well_spelled;
use switchboard_eliza::{Conversation, Script, Source};

fn ami(seed: u64) -> Conversation {
    Conversation::new(
        &Script::named("ami")
            .expect("it is built in")
            .expect("it compiles"),
        seed,
    )
}

/// Every reply that the friend may give to a line, over many seeds.
fn replies(line: &str) -> HashSet<String> {
    (0..60).map(|seed| ami(seed).reply(line).text).collect()
}

/// At least one possible reply to the line contains the words, and none is misspelt.
#[track_caller]
fn check(line: &str, words: &str) {
    let replies = replies(line);
    let found = replies.iter().any(|reply| reply.contains(words));
    assert!(found, "{line}: {replies:#?}");
    replies.iter().for_each(|reply| well_spelled(reply));
}

/// Every reply to the lines contains one of the words.
#[track_caller]
fn check_all(lines: &[&str], words: &[&str]) {
    for line in lines {
        for reply in replies(line) {
            let found = words.iter().any(|word| reply.contains(word));
            assert!(found, "{line}: {reply}");
        }
    }
}

#[test]
fn the_greeting_asks_how_one_feels() {
    for seed in 0..50 {
        let greeting = ami(seed).greet().expect("it opens");
        assert!(
            greeting.contains("te sens-tu") && greeting.ends_with('?'),
            "{greeting}"
        );
    }
}

#[test]
fn the_script_has_no_warnings() {
    let script = Script::named("ami")
        .expect("it is built in")
        .expect("it compiles");
    assert_eq!(script.lint(), []);
}

#[test]
fn a_farewell_ends_the_conversation() {
    for line in [
        "Au revoir !",
        "adieu",
        "quitter",
        "bye",
        "CIAO",
        "A bientot",
        "à bientôt.",
        "quit",
        "exit",
    ] {
        let reply = ami(1).reply(line);
        assert!(reply.last, "{line}: {}", reply.text);
    }
    assert!(!ami(1).reply("salut").last);
    assert!(!ami(1).reply("je lui ai dit au revoir").last);
}

#[test]
fn the_family_is_taken_up() {
    check_all(
        &["ma mère est partie", "MA MERE !", "maman me manque"],
        &["mère"],
    );
    check_all(&["mon père crie", "papa est là"], &["père"]);
    check_all(&["mon petit frère pleure"], &["frère"]);
    check_all(&["je vois ma sœur demain", "ma soeur arrive"], &["sœur"]);
    check_all(&["mes parents crient"], &["parents"]);
}

#[test]
fn input_is_reflected() {
    check("Je veux un parapluie", "veux-tu un parapluie");
    check("j'ai besoin de toi", "besoin");
    check(
        "j'ai peur que tu ne m'aimes pas",
        "peur que je ne t'aime pas",
    );
    check("J'ai peur d'elle", "peur d'elle");
    check("je crois que tu avais tort", "que j'avais tort");
    check("Je pense qu'il ment", "qu'il ment");
    check(
        "tu m'as dit que tu m'aimais",
        "que je t'ai dit que je t'aimais",
    );
    check("je ne suis pas moi-même", "être toi-même");
    check("il ne m'écoute pas", "qu'il ne t'écoute pas");
    check("Elle est partie sans moi", "qu'elle est partie sans toi");
    check("on m'a parlé de toi", "qu'on t'a parlé de moi");
    check("Vous ne m'écoutez pas bien", "que je ne t'écoute pas bien");
    check("Nous marchons vers toi", "que nous marchons vers moi");
    check(
        "es-tu la raison de ma visite ?",
        "si je suis la raison de ta visite",
    );
    check(
        "est-ce que tu me trouves étrange ?",
        "si je te trouve étrange",
    );
    check("est-ce qu'il viendra me voir ?", "s'il viendra te voir");
    check("Est-ce que j'ai une chance ?", "si tu as une chance");
    check("peux-tu me croire ?", "si je peux te croire");
    check("Tu aimes ta solitude ?", "solitude");
    check("je me sens bizarre", "te sens bizarre");
    check("j'ai envie de hurler", "envie de hurler");
    check("J'ai l'impression d'étouffer", "l'impression d'étouffer");
    check("jai acheté un tapis", "d'avoir acheté un tapis");
    check("chui arrivée avant eux", "d'être arrivée avant eux");
    check("C'est à toi que je parle", "c'est à moi que tu parles");
}

#[test]
fn a_name_is_learnt_and_used() {
    let names = |line: &str| {
        (0..60).any(|seed| {
            let mut talk = ami(seed);
            talk.reply(line);
            let later = ["merci", "salut", "ça va bien", "comment je m'appelle ?"];
            later
                .iter()
                .any(|line| talk.reply(line).text.contains("Ann"))
        })
    };
    for line in [
        "je m'appelle ann",
        "Mon prénom est Ann",
        "salut moi je m'appelle Ann",
        "appelle-moi Ann",
    ] {
        assert!(names(line), "{line}");
    }
    assert!(!names("je suis triste"));
    let asked = (0..60).any(|seed| {
        let mut talk = ami(seed);
        talk.reply("Comment tu t'appelles ?");
        talk.reply("Ann").text.contains("Ann")
    });
    assert!(asked);
}

#[test]
fn input_is_remembered() {
    let reported = (0..40).any(|seed| {
        let mut talk = ami(seed);
        talk.reply("mon parapluie est cassé");
        (0..6).any(|_| {
            let (reply, trace) = talk.reply_traced("hmm");
            trace.source == Source::Memory && reply.text.contains("ton parapluie")
        })
    });
    assert!(reported);
    let mut talk = ami(3);
    talk.reply("ma montre est lourde");
    talk.reply("mes lunettes sont sales");
    let (_, trace) = talk.reply_traced("je suis là");
    assert_eq!(trace.memory.len(), 2, "{:?}", trace.memory);
    assert!(trace.memory[0].contains("ta montre"), "{:?}", trace.memory);
    assert!(
        trace.memory[1].contains("tes lunettes"),
        "{:?}",
        trace.memory
    );
}

#[test]
fn a_topic_lasts_for_some_turns() {
    for seed in 0..40 {
        let mut talk = ami(seed);
        talk.reply("je déteste mon travail");
        let (_, first) = talk.reply_traced("mouais bof hein");
        let (_, second) = talk.reply_traced("xxyyzz");
        let sources = [first.source, second.source];
        assert!(sources.contains(&Source::Topic), "{sources:?}");
    }
    for topic in [
        "ma mère",
        "mon chef",
        "j'ai peur",
        "j'ai mal dormi",
        "je suis seul",
        "j'ai un chien",
    ] {
        let mut talk = ami(5);
        talk.reply(topic);
        let (_, trace) = talk.reply_traced("oui");
        assert_eq!(trace.source, Source::Rule, "{topic}");
    }
}

#[test]
fn despair_gets_a_helpline() {
    for line in [
        "je veux mourir",
        "J'ai envie de mourir",
        "je vais me tuer",
        "jai envie den finir",
        "je pense au suicide",
        "je ne veux plus vivre",
        "je veux plus vivre",
        "je me coupe le soir",
        "ils seraient mieux sans moi",
        "j'ai envie d'en finir avec tout ça",
        "plus envie de vivre",
        "jveu mourir",
        "g envi de mourir",
        "j'ai failli me tuer",
        "je ne veux plus me réveiller",
        "j'ai des idées noires",
        "j'ai pris plein de cachets",
        "j'ai avalé toute la boîte",
        "j'ai avalé tous mes médicaments",
        "je pense à en finir",
        "tout le monde s'en ficherait si je n'étais plus là",
        "personne ne le remarquerait si je mourais",
        "je veux disparaître pour toujours",
        "je voudrais disparaître",
        "tout le monde serait mieux sans moi",
        "je ne peux plus continuer à vivre",
        "j'arrive plus à vivre",
        "je veux en finir",
        "je n'ai plus de raison de vivre",
        "qui s'en soucierait si je mourais ?",
        "je veux dormir pour toujours",
        "je vais sauter d'un pont",
        "à quoi bon vivre",
        "à quoi ça sert de vivre ?",
        "je ne veux plus me réveiller le matin",
        "je me scarifie",
        "j'ai recommencé à me couper",
        "je voudrais m'endormir et ne plus me réveiller",
    ] {
        for reply in replies(line) {
            assert!(
                reply.contains("3114") || line.contains("den finir"),
                "{line}: {reply}"
            );
        }
    }
    for line in [
        "je me coupe du pain",
        "mon téléphone va mourir",
        "je suis mort de rire",
        "je meurs de faim",
        "j'ai envie de rire",
        "cette blague me tue",
        "je meurs d'envie de le voir",
        "j'ai pris mes cachets ce matin",
        "j'ai pris plein de photos",
        "j'ai pris tous les gâteaux",
        "mon téléphone est mort",
        "je tuerais pour une pizza",
        "j'ai coupé le pain",
        "je veux finir mon livre",
        "je veux en finir avec ce dossier",
        "je me suis coupé le doigt",
        "tout le monde s'en ficherait si j'étais en retard",
        "je n'arrive plus à dormir",
        "à quoi ça sert de ranger ?",
        "je ne veux plus me lever tôt",
    ] {
        for reply in replies(line) {
            assert!(!reply.contains("3114"), "{line}: {reply}");
        }
    }
}

#[test]
fn any_line_is_answered() {
    let lines = [
        "?", "...", "", "😀", "a", "Ça", "œ", "'", "d'", "l' '", "«»", "1+1", "é è à", "-tu", "t'",
        "vous",
    ];
    for line in lines {
        for seed in 0..10 {
            assert!(!ami(seed).reply(line).text.is_empty());
        }
    }
}

/// The friend says "tu" and uses no words of a formal register.
#[test]
fn replies_use_tu() {
    let lines = [
        "Bonjour monsieur",
        "Vous allez bien ?",
        "Je vous remercie",
        "Pouvez-vous m'aider ?",
        "Vous êtes là ?",
    ];
    for line in lines {
        for reply in replies(line) {
            assert!(!reply.to_lowercase().contains("vous "), "{line}: {reply}");
        }
    }
}
