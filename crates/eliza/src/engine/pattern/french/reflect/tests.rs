use super::*;

#[track_caller]
fn check(pairs: &[(&str, &str)]) {
    let found: Vec<_> = pairs
        .iter()
        .map(|(input, _)| (*input, reflect(input, 0..input.len())))
        .filter(|(input, turned)| !pairs.contains(&(input, turned)))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// Reflects only the text after `|`.
#[track_caller]
fn check_part(input: &str, turned: &str) {
    let start = input.find('|').expect("the part is marked");
    let sentence = input.replacen('|', "", 1);
    assert_eq!(reflect(&sentence, start..sentence.len()), turned);
}

#[test]
fn i_becomes_you() {
    check(&[
        ("des vacances", "des vacances"),
        ("je suis malheureux", "tu es malheureux"),
        ("Je ne suis pas moi-même", "tu n'es pas toi-même"),
        ("ma mère me déteste", "ta mère te déteste"),
        ("ce livre est à moi", "ce livre est à toi"),
        ("ce livre est le mien", "ce livre est le tien"),
        ("la mienne est verte", "la tienne est verte"),
        ("j'étais heureux avec lui", "tu étais heureux avec lui"),
        ("j'etais la", "tu etais la"),
        ("je n'ai jamais été heureux", "tu n'as jamais été heureux"),
        ("c'est moi qui suis fou", "c'est toi qui es fou"),
        ("il avait tort", "il avait tort"),
        (
            "mon frère était malade et je ne l'étais pas",
            "ton frère était malade et tu ne l'étais pas",
        ),
        ("suis-je malade", "tu es malade"),
        ("où suis-je", "où tu es"),
        (
            "j'ai perdu mes clés, je crois",
            "tu as perdu tes clés, tu crois",
        ),
        ("je reviendrai", "tu reviendras"),
        ("si j'étais riche", "si tu étais riche"),
        (
            "nous avons perdu notre chien",
            "nous avons perdu notre chien",
        ),
        (
            "mon chef Paul m'a dit que j'étais nul",
            "ton chef Paul t'a dit que tu étais nul",
        ),
        ("je peux", "tu peux"),
        ("je vais bien", "tu vas bien"),
        ("j'y vais", "tu y vas"),
        ("je m'en vais", "tu t'en vas"),
        ("je me suis trompé", "tu t'es trompé"),
        ("je le sais", "tu le sais"),
        ("je l'aime", "tu l'aimes"),
        ("je ne lui ai rien dit", "tu ne lui as rien dit"),
        ("je leur parle", "tu leur parles"),
        ("j'en ai assez", "tu en as assez"),
        ("je n'en peux plus", "tu n'en peux plus"),
        ("je m'ennuie", "tu t'ennuies"),
        ("je ne m'aime pas", "tu ne t'aimes pas"),
        ("j'habite à Paris", "tu habites à Paris"),
        ("je hais mon travail", "tu hais ton travail"),
        ("moi, je travaille", "toi, tu travailles"),
        ("pour moi et ma fille", "pour toi et ta fille"),
        ("ça m'énerve", "ça t'énerve"),
        ("il m'a quittée", "il t'a quittée"),
        ("mon amie me manque", "ton amie te manque"),
        ("qu'est-ce que je dois faire", "qu'est-ce que tu dois faire"),
        ("je finirai", "tu finiras"),
        ("j'aimerais mourir de rire", "tu aimerais mourir de rire"),
        ("j'aimerai", "tu aimeras"),
        ("je veut partir", "tu veux partir"),
        ("puis-je venir", "tu peux venir"),
        ("je me le demande", "tu te le demandes"),
        ("que j'aille mieux", "que tu ailles mieux"),
        ("jusqu'à ce que je dorme", "jusqu'à ce que tu dormes"),
    ]);
}

#[test]
fn you_becomes_i_as_a_subject() {
    check(&[
        ("tu avais tort", "j'avais tort"),
        ("tu as tort", "j'ai tort"),
        ("tu es méchant", "je suis méchant"),
        ("t'es méchant", "je suis méchant"),
        ("t'es pas un humain", "je suis pas un humain"),
        ("tu vas partir", "je vais partir"),
        ("tu aimes le chocolat", "j'aime le chocolat"),
        ("t'aimes le chocolat", "j'aime le chocolat"),
        ("tu penses que je suis bête", "je pense que tu es bête"),
        ("tu fais quoi", "je fais quoi"),
        ("tu peux", "je peux"),
        ("tu veux", "je veux"),
        ("tu dis ça", "je dis ça"),
        ("tu m'as dit que tu m'aimais", "je t'ai dit que je t'aimais"),
        ("que tu ne m'aimes pas", "que je ne t'aime pas"),
        (
            "j'ai peur que tu ne m'aimes pas",
            "tu as peur que je ne t'aime pas",
        ),
        (
            "es-tu la raison pour laquelle je suis malheureux",
            "je suis la raison pour laquelle tu es malheureux",
        ),
        ("je crois que tu avais tort", "tu crois que j'avais tort"),
        ("es-tu malade", "je suis malade"),
        ("es tu malade", "je suis malade"),
        ("as-tu faim", "j'ai faim"),
        ("peux-tu m'aider", "je peux t'aider"),
        ("pourquoi ne m'aimes-tu pas", "pourquoi je ne t'aime pas"),
        ("m'aimes-tu", "je t'aime"),
        ("où habites-tu", "où j'habite"),
        ("te souviens-tu de moi", "je me souviens de toi"),
        ("tu t'appelles comment", "je m'appelle comment"),
        ("tu t'es trompé", "je me suis trompé"),
        ("tu te trompes", "je me trompe"),
        ("tu n'es pas là", "je ne suis pas là"),
        ("tu ne m'écoutes pas", "je ne t'écoute pas"),
        ("tu y es", "j'y suis"),
        ("tu en sais trop", "j'en sais trop"),
        ("tu l'es aussi", "je le suis aussi"),
        ("tu l'as dit", "je l'ai dit"),
        ("quand tu seras grand", "quand je serai grand"),
        ("ce que tu ressens", "ce que je ressens"),
        ("tu hésites", "j'hésite"),
        ("tu hurles", "je hurle"),
        ("le livre que tu as écrit", "le livre que j'ai écrit"),
        ("c'est toi qui as commencé", "c'est moi qui ai commencé"),
        ("toi, tu sais", "moi, je sais"),
        ("ton avis", "mon avis"),
        ("ta vie et tes rêves", "ma vie et mes rêves"),
        ("tu viennes", "je vienne"),
        ("que t'aimes pas Paul", "que j'aime pas Paul"),
        ("tu n'écoutes jamais", "je n'écoute jamais"),
        ("tu ouvres", "j'ouvre"),
    ]);
}

#[test]
fn you_becomes_me_as_an_object() {
    check(&[
        ("toi", "moi"),
        ("je t'aime", "tu m'aimes"),
        ("je te déteste", "tu me détestes"),
        ("je t'ai tout dit", "tu m'as tout dit"),
        ("je veux te parler", "tu veux me parler"),
        ("je veux que tu m'écoutes", "tu veux que je t'écoute"),
        ("je t'en veux", "tu m'en veux"),
        ("il t'aime bien", "il m'aime bien"),
        ("des gens comme toi", "des gens comme moi"),
        ("te parler de ma journée", "me parler de ta journée"),
        ("t'aider avec ton travail", "m'aider avec mon travail"),
        ("le problème c'est toi", "le problème c'est moi"),
        ("je n'ai que toi", "tu n'as que moi"),
        ("le tien et le mien", "le mien et le tien"),
        ("a-t-il raison", "a-t-il raison"),
        ("toi et moi", "toi et moi"),
        ("entre toi et moi", "entre toi et moi"),
        ("toi et ma sœur", "moi et ta sœur"),
    ]);
}

#[test]
fn the_formal_you_becomes_me() {
    check(&[
        ("vous êtes gentil", "je suis gentil"),
        ("vous etes gentil", "je suis gentil"),
        ("vous avez raison", "j'ai raison"),
        ("vous n'êtes pas humain", "je ne suis pas humain"),
        ("vous pensez à moi", "je pense à toi"),
        ("vous faites quoi", "je fais quoi"),
        ("vous dites ça", "je dis ça"),
        ("que vous pouvez m'aider", "que je peux t'aider"),
        ("je vous aime", "tu m'aimes"),
        ("je vous déteste", "tu me détestes"),
        ("vous m'aimez", "je t'aime"),
        ("vous ne m'aimez pas", "je ne t'aime pas"),
        ("vous vous trompez", "je me trompe"),
        ("vous vous êtes trompé", "je me suis trompé"),
        ("êtes-vous un robot", "je suis un robot"),
        ("pouvez-vous m'aider", "je peux t'aider"),
        ("vous souvenez-vous de moi", "je me souviens de toi"),
        ("mon chef vous déteste", "ton chef me déteste"),
        ("pour vous dire merci", "pour me dire merci"),
        ("je veux vous parler", "tu veux me parler"),
        ("avec vous", "avec moi"),
        ("chez vous", "chez moi"),
        ("vous-même", "moi-même"),
        ("vous aimiez", "j'aimais"),
        ("vous irez", "j'irai"),
        ("votre avis", "mon avis"),
        ("votre vie", "ma vie"),
        ("votre réaction", "ma réaction"),
        ("votre opinion", "mon opinion"),
        ("vos amis", "mes amis"),
        ("le vôtre", "le mien"),
        ("c'est vous qui avez raison", "c'est moi qui ai raison"),
    ]);
}

#[test]
fn the_words_around_a_part_decide() {
    check_part("je |suis triste", "es triste");
    check_part("j'|ai peur de vous", "as peur de moi");
    check_part("tu |m'aimes", "t'aime");
    check_part("es-tu |un robot", "un robot");
    check_part("je ne |peux pas te parler", "peux pas me parler");
    check_part("je me sens |seul sans toi", "seul sans moi");
    check_part("Paul dit |Le Havre", "Le Havre");
    check_part("x|toi", "toi");
}

#[test]
fn names_keep_their_capitals() {
    check(&[
        ("Paris", "Paris"),
        ("Le chien", "le chien"),
        ("L'école m'ennuie", "l'école t'ennuie"),
        ("Paul et Marie", "Paul et Marie"),
        ("Il m'a vu", "il t'a vu"),
        ("« Je », dit-il", "« tu », dit-il"),
        ("AIDE MOI", "AIDE toi"),
    ]);
}
