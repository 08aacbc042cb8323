//! Who waits for whom.

use super::*;

#[test]
fn a_post_waits_until_somebody_comes_also_where_its_poster_hears_itself() {
    for hears_itself in [false, true] {
        let rules = Room {
            hears_itself,
            ..LOSSLESS
        };
        let mut scene = Scene::new(move |_| rules);
        scene.join("a", "r");
        scene.post('a', "r", b"hello?");
        assert_eq!(scene.told('a'), ["in r 1 of 1"]);
        scene.join("b", "r");
        assert_eq!(scene.told('b'), ["in r 2 of 2", "r 1 a: hello?"]);
        assert_eq!(scene.posts('a').len(), usize::from(hears_itself));
    }
}
