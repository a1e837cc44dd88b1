"""The comparison: one row a picture, one column a measure, arrows the right way up."""

from fakes import tiny_engine, tiny_photo, tiny_result

from ttpo_cli.report.record import record_result
from ttpo_cli.report.table import candidates, comparison, refusals


def record(ttpo=True):
    return record_result(tiny_result(ttpo), tiny_photo(), tiny_engine(), [])


def test_rows_are_the_pictures_and_every_row_fills_every_column():
    columns, rows = comparison(record())
    assert [row[0] for row in rows] == ["restored", "best candidate", "guided", "result"]
    assert {len(row) for row in rows} == {len(columns)}


def test_arrows_follow_the_metric_and_the_fused_score_comes_last():
    columns, _ = comparison(record())
    assert columns[1:4] == ["roughness ↑", "calm ↓", "fused ↑"]


def test_a_cell_is_the_value_of_the_record():
    told = record()
    _, rows = comparison(told)
    assert rows[2][1] == f"{told['rows']['guided']['scores']['roughness']:.3f}"
    assert rows[3][4] == f"{told['rows']['result']['fidelity_db']:.1f} dB"


def test_missing_values_are_dashes():
    told = record()
    told["rows"]["guided"]["consistency_db"] = None
    del told["rows"]["guided"]["scores"]["calm"]
    _, rows = comparison(told)
    assert rows[2][2] == "-" and rows[2][5] == "-"


def test_without_the_stages_two_rows_remain():
    columns, rows = comparison(record(ttpo=False))
    assert [row[0] for row in rows] == ["restored", "result"]
    assert columns[1] == "fidelity"


def test_the_candidates_table_marks_the_pair():
    told = record()
    _, rows = candidates(told)
    parts = {row[0]: row[-1] for row in rows}
    assert parts[told["preferred"]] == "preferred" and parts[told["dispreferred"]] == "dispreferred"
    assert sorted(parts.values()) == [""] * (len(rows) - 2) + ["dispreferred", "preferred"]


def test_a_refusal_is_told_with_its_reason():
    told = record()
    told["rows"]["guided"]["guard"] = "contradicts the input"
    assert refusals(told) == ["guided refused by the guard: contradicts the input"]
    assert comparison(told)[1][2][6] == "refused"
