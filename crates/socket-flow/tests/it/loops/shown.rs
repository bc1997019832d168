//! What cannot include a file shows what is in it.

const README: &str = include_str!("../../../../../README.md");
const FROM_TUNGSTENITE: &str = include_str!("../../../../../docs/from-tokio-tungstenite.md");
const FROM_0_8: &str = include_str!("../../../../../docs/from-socket-flow-0.8.md");

#[test]
fn readme_and_the_guides_show_the_loops_that_run_here() {
    for (text, shown) in [
        (README, include_str!("../../../loops/echo.rs")),
        (README, include_str!("../../../loops/room.rs")),
        (FROM_TUNGSTENITE, include_str!("../../../loops/listener.rs")),
        (FROM_TUNGSTENITE, include_str!("../../../loops/halves.rs")),
        (FROM_0_8, include_str!("../../../loops/events.rs")),
    ] {
        assert!(text.contains(shown), "not shown:\n{shown}");
    }
}
