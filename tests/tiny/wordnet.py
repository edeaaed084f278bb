"""A few nouns of WordNet 3.0, with their own ids, in a lexicon of the form that wn downloads."""

from contextlib import contextmanager
from xml.sax.saxutils import quoteattr

# Id, words, parents; a word's senses in order. Some of the ranks between are left out.
NOUNS = """
00001740 | entity |
00001930 | physical entity | 00001740
00002684 | object, physical object | 00001930
00003553 | whole, unit | 00002684
00004258 | living thing, animate thing | 00003553
00004475 | organism, being | 00004258
00007347 | causal agent, cause | 00001930
00007846 | person, individual | 00004475, 00007347
10235549 | relative, relation | 00007846
10024362 | domestic partner | 00007846
10640620 | spouse, partner | 10235549, 10024362
10914447 | Crane, Stephen Crane | 00007846
00015388 | animal, animate being | 00004475
01466257 | chordate | 00015388
01471682 | vertebrate, craniate | 01466257
01503061 | bird | 01471682
01524359 | passerine, passeriform bird | 01503061
01591697 | titmouse, tit | 01524359
01592084 | chickadee | 01591697
01574045 | New World blackbird, blackbird | 01524359
01575401 | red-winged blackbird, redwing | 01574045
01789386 | gallinaceous bird | 01503061
02152991 | game | 00015388
02153203 | game bird | 02152991, 01789386
01795088 | grouse | 02153203
01796340 | ptarmigan | 01795088
01861778 | mammal, mammalian | 01471682
02075296 | carnivore | 01861778
02121620 | cat, true cat | 02075296
01317541 | domestic animal, domesticated animal | 00015388
02121808 | domestic cat, house cat | 02121620, 01317541
02123394 | Persian cat | 02121808
02330245 | mouse | 01861778
00021939 | artifact, artefact | 00003553
03575240 | instrumentality | 00021939
03126707 | crane | 03575240
02012849 | crane | 01503061
03094503 | container | 03575240
03100490 | conveyance, transport | 03575240
04524313 | vehicle | 03100490
04576211 | wheeled vehicle | 03094503, 04524313
02958343 | car, auto, automobile | 04576211
"""
PLURALS = {"mouse": "mice"}
INSTANCES = {"10914447"}


def lexicon(version="1.4"):
    """The lexicon as a file of WN-LMF 1.1."""
    entries, synsets = {}, []
    for line in NOUNS.strip().splitlines():
        number, words, parents = (part.strip() for part in line.split("|"))
        words = words.split(", ")
        for word in words:
            entries.setdefault(word, []).append(number)
        kind = "instance_hypernym" if number in INSTANCES else "hypernym"
        relations = [f'<SynsetRelation relType="{kind}" target="omw-en-{p}-n"/>' for p in parents.split(", ") if p]
        members = " ".join(f"omw-en-{word.replace(' ', '_')}-{number}" for word in words)
        synsets.append(
            f'<Synset id="omw-en-{number}-n" ili="" partOfSpeech="n" members="{members}">{"".join(relations)}</Synset>'
        )
    words = []
    for word, numbers in entries.items():
        name = f"omw-en-{word.replace(' ', '_')}"
        form = f'<Form writtenForm="{PLURALS[word]}"/>' if word in PLURALS else ""
        senses = "".join(f'<Sense id="{name}-{number}" synset="omw-en-{number}-n"/>' for number in numbers)
        words.append(
            f'<LexicalEntry id="{name}-n"><Lemma writtenForm={quoteattr(word)} partOfSpeech="n"/>{form}{senses}'
            "</LexicalEntry>"
        )
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<!DOCTYPE LexicalResource SYSTEM "http://globalwordnet.github.io/schemas/WN-LMF-1.1.dtd">',
            '<LexicalResource xmlns:dc="https://globalwordnet.github.io/schemas/dc/">',
            f'<Lexicon id="omw-en" label="a few nouns" language="en" email="nobody@example.org" license="WordNet" '
            f'version="{version}">',
            *words,
            *synsets,
            "</Lexicon>",
            "</LexicalResource>",
        ]
    )


@contextmanager
def wordnet_in(folder, version="1.4"):
    """wn with nothing but the few nouns, in a folder; afterwards it has its own folder again."""
    import wn

    before = wn.config.database_path.parent  # wn.config.data_directory would make the folder
    source = folder / "lexicon.xml"
    source.write_text(lexicon(version), encoding="utf-8")
    wn.config.data_directory = folder
    try:
        wn.add(source, progress_handler=None)
        yield
    finally:
        assert wn.config.database_path.parent == folder, "what is reset next would be somebody's own"
        wn.reset_database()  # the only public call that closes the connection
        wn.config.data_directory = before
