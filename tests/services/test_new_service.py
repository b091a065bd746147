"""`./tye-like-run.sh new` in a copy of the repository: what it writes passes, and goes again."""

from __future__ import annotations

from tests.scaffold.repository_copy import RepositoryCopy, tutorial_commands

NAMED = " or ".join(
    (
        *("stories", "Stories", "up_to_date", "language", "generated_ones", "file_names"),
        *("routes_table", "visibility_matrix"),
    )
)
NEW = ("new", "stories", "--owns", "story", "--tells", "story-changed", "--hears", "posts")
OWN_TESTS = (
    *("tests/unit/stories", "tests/services/stories"),
    "tests/services/gateway/test_stories.py",
)
TESTS_OF_ALL = (
    *("tests/unit/clients", "tests/unit/contracts", "tests/unit/test_routes.py"),
    *("tests/unit/test_language.py", "tests/unit/deploy/test_generated.py"),
    *("tests/unit/compose/test_project.py", "tests/unit/scaffold"),
    *("tests/unit/gateway/test_routes_table.py", "tests/unit/gateway/test_visibility_matrix.py"),
)


def test_a_new_service_passes_the_checks_and_goes_without_a_trace(copy: RepositoryCopy) -> None:
    made = copy.runner(*NEW)
    assert made.returncode == 0, made.stderr
    assert "new stories --remove" in made.stdout
    copy.tool("ruff", "format", "--check", ".")
    copy.tool("ruff", "check", ".")
    copy.tool("lint-imports")
    pytest_options = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    copy.python(*pytest_options, *OWN_TESTS)
    copy.python(
        *pytest_options,
        *TESTS_OF_ALL,
        "-k",
        NAMED,
    )
    refused_again(copy)
    kept_if_changed(copy)
    kept_if_used(copy)
    removed = copy.runner("new", "stories", "--remove")
    assert removed.returncode == 0, removed.stderr
    assert copy.changes == []


def test_a_service_that_calls_others_goes_without_a_trace(copy: RepositoryCopy) -> None:
    """It is taken out of the rules of those whom it calls, with the routes that it alone calls."""
    assert copy.runner(*NEW).returncode == 0
    rules = copy.path / "services/access.yaml"
    text = rules.read_text()
    for before, after in (
        ('"POST /releases": [posts]', '"POST /releases": [posts, stories]'),
        ('"POST /claims": [catalog, posts]', '"POST /claims": [catalog, stories, posts]'),
        ('"GET /healthz": [gateway] # its', '"GET /healthz": [stories, gateway] # its'),
        ('      "GET /own"', '      "GET /times": [stories]\n      "GET /own"'),
        ('Catalog/GetProduct": [gateway]', 'Catalog/GetProduct": [gateway, stories]'),
    ):
        assert before in text, before
        text = text.replace(before, after, 1)
    rules.write_text(text)
    refused = copy.runner("new", "stories", "--remove")
    assert "services/access.yaml (what it says of stories)" in refused.stderr
    removed = copy.runner("new", "stories", "--remove", "--force")
    assert removed.returncode == 0, removed.stderr
    assert copy.changes == []


def test_the_commands_of_the_tutorial_build_stories(copy: RepositoryCopy) -> None:
    """Every command of docs/learn/stories.md, in order; the tests of each step are among them.

    After the last one a later page can write another service with this name.
    """
    build, go_back = tutorial_commands(copy)
    for command in build:
        copy.shell(command)
    copy.tool("ruff", "format", "--check", ".")
    for command in go_back:
        copy.shell(command)
    assert copy.changes == []
    made = copy.runner("new", "stories", "--language", "go", "--owns", "story", "--hears", "posts")
    assert made.returncode == 0, made.stderr
    assert copy.runner("new", "stories", "--remove").returncode == 0


def refused_again(copy: RepositoryCopy) -> None:
    """A second service waits until the first one is committed, and its name is taken."""
    assert "take that one out with `new stories --remove`" in copy.runner(*NEW).stderr
    assert "not committed" in copy.runner("new", "albums", "--owns", "album").stderr


def kept_if_changed(copy: RepositoryCopy) -> None:
    """What somebody wrote is not deleted."""
    mine = copy.path / "services/stories/domain/my_rules.py"
    mine.write_text('"""Mine."""\n')
    answer = copy.runner("new", "stories", "--remove")
    assert answer.returncode == 1
    assert "services/stories/domain/my_rules.py" in answer.stderr
    mine.unlink()
    refused_with(copy, "services/access.yaml", MINE_BEFORE, MINE, "services/access.yaml")
    module = f'"services.{NEW[1]}"]'  # in parts: it must not look like a use of the code
    refused_with(copy, "dapr.yaml", module, f'"-O", {module}', "dapr.yaml")


MINE_BEFORE = '      "GET /stories": [gateway]\n'
MINE = f'{MINE_BEFORE}      "GET /stories/{{id}}/views": [gateway]\n'


def kept_if_used(copy: RepositoryCopy) -> None:
    """What others import is not deleted: they would load no more."""
    gateway = "services/gateway/__main__.py"
    first = (copy.path / gateway).read_text().splitlines(keepends=True)[0]
    used = f"{first}from services.clients.{NEW[1]} import StoriesClient\n"
    refused_with(copy, gateway, first, used, f'use the code of "stories": {gateway}.')


def refused_with(copy: RepositoryCopy, file: str, before: str, after: str, why: str) -> None:
    """With a change of a file, `--remove` is refused and writes nothing."""
    path = copy.path / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    changes = copy.git("diff")
    answer = copy.runner("new", "stories", "--remove")
    assert answer.returncode == 1
    assert why in answer.stderr, answer.stderr
    assert copy.git("diff") == changes
    assert (copy.path / "services/stories/app.py").exists()
    path.write_text(text)


def test_it_asks_at_a_terminal(copy: RepositoryCopy) -> None:
    """A wrong answer is asked for again, and a line without text is the default."""
    code, shown = copy.at_terminal(("new", "stories"), "class\nstory\n\nweather\nposts\n")
    assert code == 0, shown
    assert "cannot be the noun" in shown
    assert 'nobody tells the topic "weather"' in shown
    assert '"stories" is written: it owns stories, tells `story.changed`' in shown
    assert "hears of accounts, posts" in shown


def test_what_cannot_be_is_refused_and_writes_nothing(copy: RepositoryCopy) -> None:
    for arguments, why in (
        (["posts", "--owns", "post"], 'there is a service "posts" already. Choose another name\n'),
        (["chassis", "--owns", "wheel"], "is taken by services/chassis"),
        (["notes", "--owns", "note"], 'archives of users have a file "notes" already (services/'),
        (["lists", "--owns", "row"], 'the gateway has routes "/api/v1/lists" already'),
        (["scheduler", "--owns", "slot"], '"scheduler" is the name of another process'),
        (["Stories", "--owns", "story"], "cannot be the name"),
        (["stories", "--owns", "class"], "cannot be the noun"),
        (["stories", "--owns", "story", "--tells", "post-changed"], "is no event of this service"),
        (["stories", "--owns", "story", "--hears", "weather"], 'nobody tells the topic "weather"'),
        (["stories"], "say what it owns"),
        (["albums", "--owns", "thread"], "already, and every class of services"),
        (["stories", "--remove"], 'there is no service "stories"'),
        (["posts", "--remove"], "is not as `new` writes a service"),
    ):
        answer = copy.runner("new", *arguments)
        assert answer.returncode == 1, arguments
        assert why in answer.stderr, (arguments, answer.stderr)
    assert copy.changes == []
