"""Tags of simulated posts against their truth."""

from scoring.world_tags import Truth, score_tags


def test_lines_and_traps() -> None:
    """Precision, recall and traps by hand: groups apart, other names of one thing accepted, unknown interests aside."""
    rows = [
        (Truth("wedding", "", True, False, "", False), {"life_event": {"wedding"}, "interest": {"dresses"}}),
        (Truth("wedding", "", False, False, "game", False), {"life_event": {"wedding"}}),
        (Truth("move", "", True, False, "", False), {}),
        (Truth("", "sneakers", True, False, "", True), {"interest": {"shoes"}}),
        (Truth("", "tea", True, False, "", True), {"interest": {"tea", "investing"}}),
        (Truth("", "tea", False, False, "negation", True), {"interest": {"tea"}}),
        (Truth("diet", "", False, True, "loss", True), {"loss": {"diet"}}),
    ]
    lines, traps = score_tags(rows)
    by_key = {(x.families, x.kind, x.tag): (x.found, x.there, x.right) for x in lines}
    assert by_key["seen", "life_event", "all"] == (2, 2, 1)
    assert by_key["held-out", "interest", "all"] == (3, 2, 2)
    assert by_key["held-out", "loss", "diet"] == (1, 1, 1)
    assert [(t.families, t.trap, t.posts, t.taken) for t in traps] == [
        ("held-out", "loss", 1, 0),
        ("held-out", "negation", 1, 1),
        ("seen", "game", 1, 1),
    ]
