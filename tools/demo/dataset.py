"""The data of the demo: generated people and what they do, the same in every run.

The actions of a person depend only on them and on earlier people. So a larger demo contains a
smaller one, and only adds to it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

PASSWORD = "harbour-lantern-7"  # noqa: S105 (public: these accounts are fictitious)
POSTS = 4
"""Posts of each person."""

PRODUCTS = 3
"""Products of each shop."""

MAX_PEOPLE = 100
"""The maximum number of people."""

_FIRST = [
    "Mara",
    "Jonas",
    "Ines",
    "Tomasz",
    "Aiko",
    "Bilal",
    "Freya",
    "Mateo",
    "Nadia",
    "Oskar",
    "Leila",
    "Ravi",
    "Signe",
    "Hugo",
    "Amara",
    "Pavel",
    "Yara",
    "Emil",
    "Noor",
    "Luca",
]
_LAST = ["Lindqvist", "Okafor", "Marques", "Nowak", "Tanaka"]
_PLACES = [
    "Bergen",
    "Porto",
    "Gdansk",
    "Kanazawa",
    "Trieste",
    "Galway",
    "Valparaiso",
    "Tromso",
    "Oaxaca",
    "Dubrovnik",
    "Hobart",
    "Tallinn",
]
_TRADES = (
    "potter and early riser",
    "photographs what the tide leaves",
    "walks uphill, carries a thermos",
    "paper, ink and patience",
    "night trains and city lights",
    "keeps bees and too many cameras",
    "grows things on a balcony",
    "carpenter of small furniture",
)

CAPTIONS: dict[str, tuple[str, ...]] = {
    "sea": (
        "Last light over {place}. Nobody spoke for ten minutes. #sunset #sea",
        "The water was like glass this morning #sea #calm",
        "Waited an hour for this one boat #sunset #boats",
        "Salt on the lens again, and no regrets #coast #{tag}",
        "Swam out as far as the light goes #sea #summer",
    ),
    "mountains": (
        "Five ridges, five blues. #mountains #hiking",
        "Up at four for this, down by noon for pancakes #mountains #sunrise",
        "The valley behind {place}, before the fog came in #hiking #{tag}",
        "Every layer is a day's walk #mountains #outdoors",
        "Quiet enough to hear the snow settle #alps #calm",
    ),
    "city": (
        "{place} does not sleep, it only dims #city #night",
        "Counting windows from the last tram #nightphotography #{tag}",
        "Somebody up there is still awake, too #city #lights",
        "Rooftops after the rain #architecture #night",
        "The blue quarter of an hour #bluehour #city",
    ),
    "forest": (
        "Mist between the firs #forest #morning",
        "An hour from {place} and no signal at all #forest #{tag}",
        "The path goes on, I had to turn back #woods #autumn",
        "Smells of resin and rain #forest #walks",
        "Where the deer were a minute ago #nature #woods",
    ),
    "aurora": (
        "The sky decided to move #aurora #night",
        "Three layers of gloves, and worth it #northernlights #winter",
        "Green, then violet, then gone #aurora #{tag}",
        "My hands shook, the tripod did not #longexposure #night",
        "Stars above {place} #stars #sky",
    ),
    "garden": (
        "They opened all at once #flowers #garden",
        "First of the season on the balcony #flowers #{tag}",
        "Grandmother's seeds, forty years on #garden #summer",
        "Bees not pictured, but heard #garden #bees",
        "Colour, for those who asked #flowers #macro",
    ),
    "still life": (
        "Out of the kiln this morning, still warm #pottery #handmade",
        "Same clay, another glaze #ceramics #{tag}",
        "The light on the kitchen table at eight #stilllife #light",
        "It leans a little, so do I #pottery #craft",
        "A shelf in {place}, at last with something on it #interior #handmade",
    ),
}

PICTURED: dict[str, str] = {
    "sea": "The sun low over the sea, its light drawn out on the water",
    "mountains": "Mountain ridges one behind the other, paler with distance",
    "city": "Houses at night with many lit windows below a dark sky",
    "forest": "Fir trees in mist",
    "aurora": "Northern lights above dark hills and many stars",
    "garden": "Flowers in front of a garden out of focus",
    "still life": "A piece of pottery on a table by a wall",
}

PRODUCT_KINDS = (
    ("Salt-glazed mug", "Holds a third of a litre, and the heat.", 2_600),
    ("Bud vase", "For one stem, or none.", 3_400),
    ("Serving bowl", "Thrown in one piece, glazed in two.", 5_800),
    ("Oil bottle", "Pours without a drop; the cork is from Porto.", 3_900),
    ("Lidded jar", "For tea, buttons or letters.", 4_700),
    ("Candle holder", "Low, wide and steady.", 1_900),
    ("Teapot", "Enough for two, and a half.", 7_900),
)
"""Products: title, description, and price in minor units."""

_COMMENTS = (
    "Oh, this is lovely.",
    "The light!",
    "I can almost hear it.",
    "Where exactly was this?",
    "Printing this one, if I may.",
    "You always find the quiet ones.",
    "That colour does not exist, and yet.",
    "Worth getting up for.",
    "Take me along next time.",
    "I was there last year, it rained all week.",
    "Which lens was that?",
    "More of these, please.",
)


@dataclass(frozen=True)
class DemoPerson:
    """A generated person. `number` counts from 0."""

    number: int

    @property
    def first(self) -> str:
        return _FIRST[self.number % len(_FIRST)]

    @property
    def name(self) -> str:
        """The display name."""
        return f"{self.first} {_LAST[(self.number // len(_FIRST) + self.number) % len(_LAST)]}"

    @property
    def username(self) -> str:
        return f"demo_{self.first.lower()}" + (f"_{self.number}" if self.number >= 20 else "")

    @property
    def email(self) -> str:
        return f"{self.username}@example.org"

    @property
    def place(self) -> str:
        return _PLACES[self.number % len(_PLACES)]

    @property
    def note(self) -> str:
        trade = _TRADES[self.number % len(_TRADES)]
        return f"{trade[0].upper()}{trade[1:]}. {self.place}. Made up by the demo."

    @property
    def sells(self) -> bool:
        """Whether the person has a shop."""
        return self.number % 3 == 0

    @cached_property
    def posts(self) -> list[DemoPost]:
        """The posts of the person, oldest first."""
        chance = random.Random(f"posts of {self.number}")  # noqa: S311
        known = [(motif, caption) for motif in CAPTIONS for caption in CAPTIONS[motif]]
        return [
            DemoPost(self, n, motif, caption.format(place=self.place, tag=self.place.lower()))
            for n, (motif, caption) in enumerate(chance.sample(known, POSTS))
        ]


@dataclass(frozen=True)
class DemoPost:
    """One post: a picture of a motif, and its caption."""

    author: DemoPerson
    number: int
    motif: str
    caption: str

    @property
    def key(self) -> str:
        """A unique key."""
        return f"{self.author.username}-{self.number}"

    @property
    def seed(self) -> int:
        """The seed of its picture."""
        return self.author.number * 100 + self.number

    @property
    def description(self) -> str:
        return PICTURED[self.motif]


@dataclass(frozen=True)
class DemoDataset:
    """The people of a demo of some size, and their follows, likes, boosts and comments."""

    size: int

    @cached_property
    def people(self) -> list[DemoPerson]:
        return [DemoPerson(number) for number in range(self.size)]

    @cached_property
    def posts(self) -> list[DemoPost]:
        """All posts in order of creation; people alternate."""
        return [person.posts[n] for n in range(POSTS) for person in self.people]

    def follows(self) -> Iterator[tuple[DemoPerson, DemoPerson]]:
        """Yield (follower, followed)."""
        for one in self.people:
            for other in self.people:
                if one != other and seeded_random("follow", one.number, other.number) < 0.45:
                    yield one, other

    def likes(self) -> Iterator[tuple[DemoPerson, DemoPost]]:
        """Yield (person, liked post)."""
        yield from self._about("like", 0.35)

    def boosts(self) -> Iterator[tuple[DemoPerson, DemoPost]]:
        """Yield (person, boosted post)."""
        yield from self._about("boost", 0.02)

    def comments(self) -> Iterator[tuple[DemoPerson, DemoPost, str]]:
        """Yield (person, post, comment)."""
        for person, post in self._about("comment", 0.14):
            pick = seeded_random("words", person.number, post.seed)
            yield person, post, _COMMENTS[int(pick * len(_COMMENTS))]

    def _about(self, what: str, share: float) -> Iterator[tuple[DemoPerson, DemoPost]]:
        for post in self.posts:
            for person in self.people:
                if person != post.author and seeded_random(what, person.number, post.seed) < share:
                    yield person, post


def seeded_random(what: str, one: int, other: int) -> float:
    """Return a pseudo-random number in [0, 1) that is the same in every run."""
    return random.Random(f"{what} {one} {other}").random()  # noqa: S311
