import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from tiny.study_page import every_block, figure, picture, wide_table

from aga_lightning.study.report.blocks import Cell, Gallery, Listing, Paragraph, Table
from aga_lightning.study.report.page import page

VOID = {"meta", "img"}


class Tree(HTMLParser):
    """The page as a tree, by the standard library's reader; a tag that is not closed in its turn fails."""

    def __init__(self, written):
        super().__init__()
        self.root = ET.Element("root")
        self.stack = [self.root]
        self.feed(written)
        self.close()
        assert len(self.stack) == 1

    def handle_starttag(self, tag, attrs):
        element = ET.SubElement(self.stack[-1], tag, {name: value or "" for name, value in attrs})
        if tag not in VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag, attrs):
        ET.SubElement(self.stack[-1], tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag):
        assert self.stack.pop().tag == tag

    def handle_data(self, data):
        top = self.stack[-1]
        if len(top):
            top[-1].tail = (top[-1].tail or "") + data
        else:
            top.text = (top.text or "") + data


def tree(*blocks, **settings):
    written = page(**{"title": "T", "about": "", "sections": [("S", blocks)], "facts": {}} | settings)
    return Tree(written).root


def words(element):
    return " ".join("".join(element.itertext()).split())


def test_every_block_is_shown_by_tags_that_are_closed():
    root = tree(sections=every_block())
    assert [words(title) for title in root.iterfind(".//section/h2")] == [title for title, _ in every_block()]
    counts = {tag: len(list(root.iter(tag))) for tag in ("table", "svg", "img", "pre", "details")}
    assert counts == {"table": 2, "svg": 2, "img": 12, "pre": 2, "details": 1}


def test_the_page_says_what_it_is():
    root = tree(title="A & B", about="One.\n\nTwo <b>.", facts={"Cells": "4 of 4"}, generated="Written today.")
    assert root.find("html").get("lang") == "en"
    assert words(root.find(".//title")) == words(root.find(".//h1")) == "A & B"
    assert [words(paragraph) for paragraph in root.iterfind(".//header/p")] == ["One.", "Two <b>."]
    assert words(root.find(".//header/dl")) == "Cells4 of 4"
    assert words(root.find(".//footer")) == "Written today."
    viewport = [meta.get("content") for meta in root.iter("meta") if meta.get("name") == "viewport"]
    assert viewport == ["width=device-width, initial-scale=1"]


def test_the_contents_lead_to_each_section_even_of_one_name():
    root = tree(sections=[("Accuracy", []), ("Accuracy", []), ("?", [])])
    targets = [link.get("href") for link in root.iterfind(".//nav//a")]
    anchors = [f"#{title.get('id')}" for title in root.iterfind(".//section/h2")]
    assert targets == anchors
    assert len(set(anchors)) == 3


def test_ids_are_unique_and_labels_are_answered():
    root = tree(sections=every_block())
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    labels = {element.get("aria-labelledby") for element in root.iter() if element.get("aria-labelledby")}
    assert labels <= set(ids)


def test_nothing_is_fetched():
    written = page("T", "", every_block(), {})
    for address in re.findall(r'(?:src|href|srcset|action|poster)="([^"]*)"', written):
        assert address.startswith(("#", "data:image/"))
    assert not re.search(r"@import|url\((?!#)|<script|<link|<iframe", written)


@pytest.mark.parametrize(
    "block",
    [
        Paragraph("<i>"),
        Paragraph("<i>", "bad"),
        Table("<i>", "<i>", ["<i>"], [[Cell("<i>", "<i>")]], notes=["<i>"]),
        Gallery("<i>", [("<i>", [picture(alt='"><i>', caption="<i>")])]),
        Listing("<i>", "<i>"),
        Listing("<i>", "<i>", folded=True),
        figure(name="<i>", alt='"><i>'),
    ],
)
def test_words_are_never_tags(block):
    assert tree(block, title="<i>", about="<i>", facts={"<i>": "<i>"}, generated="<i>").find(".//i") is None


def test_rows_and_columns_have_titles():
    root = tree(wide_table())
    assert {title.get("scope") for title in root.iterfind(".//thead/tr/th")} == {"col"}
    row = root.findall(".//tbody/tr")[0]
    assert [(cell.tag, cell.get("scope")) for cell in row][:3] == [("th", "row"), ("th", "row"), ("td", None)]
    assert len(row) == 12


def test_details_stand_below_the_number():
    cell = tree(Table("t", "c", ["arm", "acc"], [["aga", Cell("81.5", "78 to 84")]])).find(".//td")
    assert cell.text == "81.5"
    assert cell.find("small").text == "78 to 84"
    table = Table("t", "c", ["arm", "acc"], [["aga", Cell("81.5", "78 to 84 \N{MIDDLE DOT} +3.1 [1, 5]")]])
    assert [part.text for part in tree(table).findall(".//td/small")] == ["78 to 84", "+3.1 [1, 5]"]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (["81.5", "+2.4", "\u22120.3", "12 %", "3.1 ± 0.2", "—", ""], "number"),
        (["1,280", "1e-5", "< 0.001", "+3.1 [-0.4, 5.8]"], "number"),
        (["81.5", "holds"], "words"),
        (["3.11.7"], "words"),
        (["—", ""], "words"),
        ([], "words"),
    ],
)
def test_columns_of_numbers_are_aligned(column, kind):
    root = tree(Table("t", "c", ["arm", "value"], [["a", text] for text in column]))
    kinds = {cell.get("class") for cell in [root.findall(".//thead//th")[1], *root.iter("td")]}
    assert kinds == {kind}


@pytest.mark.parametrize(("tone", "sign"), [("good", "✓"), ("bad", "✗"), ("open", "?"), ("best", "★")])
def test_a_tone_is_told_by_a_sign_and_a_word_as_well_as_by_colour(tone, sign):
    root = tree(Table("t", "c", ["arm", "acc"], [["aga", Cell("81.5", tone=tone)]]))
    cell = root.find(".//td")
    assert tone in cell.get("class").split()
    shown, heard = cell.findall("span")
    assert (shown.text.strip(), shown.get("aria-hidden")) == (sign, "true")
    assert tone in heard.text
    assert f"{sign} {tone}" in words(root.find(".//figure"))  # the key below the table


def test_a_verdict_has_a_sign_and_plain_words_have_none():
    assert words(tree(Paragraph("Holds.", "good")).find(".//section/p")) == "✓ good: Holds."
    assert words(tree(Paragraph("Holds.")).find(".//section/p")) == "Holds."
    assert words(tree(Paragraph("Holds.", "note")).find(".//section/p")) == "Holds."


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="table t has 2 columns, but a row of 1 cells"):
        page("T", "", [("S", [Table("t", "c", ["a", "b"], [["1"]])])], {})


def test_tables_and_figures_are_numbered_and_name_their_files():
    root = tree(wide_table(), figure("one"), figure("two"), Table("other", "Other.", ["a"], []))
    captions = [words(caption) for caption in root.iterfind(".//figcaption")]
    assert captions == [
        "Table 1. In per cent. tables/accuracy.csv",
        "Figure 1. Accuracy against degree. figures/one.svg",
        "Figure 2. Accuracy against degree. figures/two.svg",
        "Table 2. Other. tables/other.csv",
    ]


def test_what_is_empty_says_so():
    assert words(tree().find(".//section/p")) == "There is nothing to show."
    assert "There are no rows." in words(tree(Table("t", "c", ["a"], [])).find(".//figure"))


def test_small_pictures_are_enlarged_with_hard_edges_and_large_ones_are_not():
    small, large = tree(Gallery("g", [("row", [picture(64), picture(320)])])).iter("img")
    assert small.get("class") == "pixels"
    assert large.get("class") is None
    assert (small.get("width"), small.get("height")) == ("64", "64")  # the place is kept while it is decoded


def test_a_folded_listing_has_to_be_opened():
    root = tree(Listing("a\n  b", "The log", folded=True))
    details = root.find(".//details")
    assert details.get("open") is None
    assert details.find("summary").text == "The log"
    assert details.find("pre/code").text == "a\n  b"


def test_the_same_blocks_make_the_same_page():
    assert page("T", "", every_block(), {}) == page("T", "", every_block(), {})
