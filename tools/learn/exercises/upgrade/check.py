"""Documents of an earlier release, read and changed by the new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.chassis.storage.collection import Collection
from tests.fakes import FakeState
from tools.learn.report import Work

NAMES = {
    "Ada Lovelace": ("Ada", "Lovelace"),
    "Mary Ann Evans": ("Mary Ann", "Evans"),
    "Plato": ("", "Plato"),
}


@dataclass(frozen=True)
class EarlierPerson:
    """A person as the first release stored them."""

    name: str


async def check(work: Work) -> None:
    """Check `create_people` of people.py."""
    module, store = work.module("people"), FakeState()
    earlier = Collection(store, "person", EarlierPerson)
    for name in NAMES:
        await _keep(earlier, name, EarlierPerson(name))
    people = module.create_people(store)
    for name, (first, last) in NAMES.items():
        found = await _read(people, name)
        work.require(
            f"{name}, stored by the earlier release, can be read",
            found == (first, last),
            expected=f'first "{first}", last "{last}"',
            seen=found,
            look="people.py: which shape does a stored document have, and where is a name split?",
        )
    await _keep(people, "new", module.Person("Ben", "Okri"))
    work.require(
        "a new document can be read",
        await _read(people, "new") == ("Ben", "Okri"),
        expected='first "Ben", last "Okri"',
        seen=await _read(people, "new"),
        look="people.py: an upgrade is for old documents only",
    )
    await _keep(people, "Plato", module.Person("", "Platon"))
    stored = store.peek("person:Plato")
    work.require(
        "a changed document is stored in the new shape, with its number",
        stored["data"] == {"first": "", "last": "Platon"} and stored["schema"] == 2,
        expected="schema 2, with first and last",
        seen=f"schema {stored['schema']}: {stored['data']}",
        look="people.py: `upgrades` also tells the number of the newest schema",
    )


async def _keep(people: Any, id: str, person: Any) -> None:
    await people.update(id, lambda _: person)


async def _read(people: Any, id: str) -> object:
    try:
        person = await people.get(id)
    except Exception as error:  # whatever the learner's upgrade raises
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return (person.first, person.last)
