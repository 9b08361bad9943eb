from primis.report.figures import Bar, intervals
from primis.report.markdown import to_markdown
from primis.report.page import (
    Cell,
    Command,
    Details,
    Facts,
    Figure,
    Gallery,
    Page,
    Picture,
    Prose,
    Section,
    Statement,
    Statements,
    Table,
)

SEEN = "data:image/png;base64,aGVhZA=="


def markdown(*blocks):
    return to_markdown(Page("Title", "Lead.", [Section("Part", blocks)]), "plots")


def test_text_and_tables_stay():
    text, _ = markdown(
        Prose(["One."]),
        Statements([Statement("bad", "It leaks.", "By much.")]),
        Table(["level", "AUC"], [["full", Cell("0.9", "good")], ["a|b", "0.5"]], caption="Seen."),
        Facts({"cores": "2"}),
        Command("primis attack"),
        Details("More", [Prose(["Two."])]),
    )
    for expected in (
        "# Title",
        "## Part",
        "One.",
        "**It leaks.** By much.",
        "| full | 0.9 |",
        r"| a\|b | 0.5 |",
        "*Seen.*",
        "| cores | 2 |",
        "primis attack",
        "<summary>More</summary>",
        "Two.",
    ):
        assert expected in text


def test_plots_become_files_and_pictures_of_images_are_left_out():
    plot = intervals([Bar("full", 0.9, 0.8, 1.0)], x="AUC")
    text, plots = markdown(
        Figure(plot, alt="AUC of all", caption="Bars."),
        Gallery([Picture("patient", SEEN), Picture("ROC", plot)], caption="Both."),
    )
    assert list(plots) == ["01-auc-of-all.svg", "02-roc.svg"]
    assert all(b"<svg" in plot for plot in plots.values())
    assert "![AUC of all](plots/01-auc-of-all.svg)" in text
    assert "patient" not in text


def test_a_section_of_pictures_alone_is_left_out():
    text, plots = markdown(Gallery([Picture("patient", SEEN)], caption="Seen."))
    assert "Part" not in text
    assert "Seen" not in text
    assert not plots
