"""The page of a run: one file that is whole, shows what the tables show, and opens in a browser without a complaint."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import cojump as cj
from cojump.errors import StorageError
from cojump.report.page import _details, _facts, _ranks, page, write_page
from cojump.report.plan import Plan
from cojump.report.summary import largest_error
from cojump.results.result import Theory
from cojump.storage.result_sequence import Origin
from cojump.tools.numbers import format_value
from cojump.tools.summaries import counted
from tests.support.synthetic import make_result

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Nested(HTMLParser):
    """Tags that are open, ids, and what stands in cells."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.cells, self.references = [], [], [], []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        self.references += [v[1:] for k, v in attributes if k.endswith("href") and v.startswith("#")]
        if tag not in ("meta", "br", "path", "use", "rect", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in ("path", "use", "rect"):
            return
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open:
            self.cells.append(data)


ORIGIN = Origin(run_file='[model]\nsystem = "<x>"\n', created="2026-01-01T00:00:00+00:00")


def results():
    return [replace(make_result(size, n_traj=8), parameters={"size": size, "name": "<b>&"}) for size in (8, 16)]


def read(text):
    parser = Nested()
    parser.feed(text)
    parser.close()
    assert not parser.open
    return parser


@pytest.fixture(scope="module")
def made():
    """One page for all that look at one."""
    return page(results(), origin=ORIGIN)


def test_the_page_is_whole_and_needs_nothing_else(made):
    text, found = made, read(made)
    assert len(found.ids) == len(set(found.ids)), "the drawings have names of their own"
    assert set(found.references) <= set(found.ids)
    assert not re.search(r'(?:src|href)="(?!#)', text), "nothing is loaded"
    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;" in text
    assert "system = &quot;&lt;x&gt;&quot;" in text


def test_captions_speak_of_what_is_drawn(made):
    first, *_ = results()
    T, A = first.mean.shape
    theory = Theory(np.zeros((T, A, A)), np.ones((T, A)), np.ones(T), np.zeros((T, 0)))
    assert all(r.theory is None for r in results())
    assert "Dotted: δ/N of the 1/N theory" in page([replace(first, theory=theory)])
    assert "Dotted" not in made


def test_the_tables_are_those_of_the_terminal(made):
    (one, _) = results()
    found = read(made)
    assert format_value(one.mean[-1, 2], one.mean_stderr[-1, 2], False) in found.cells
    assert found.cells.count("0") >= len(one.labels), "the time stands in each line"


def test_the_same_results_give_the_same_page(made):
    assert page(results(), origin=ORIGIN) == made


def test_a_page_replaces_a_page_and_nothing_else(tmp_path, monkeypatch, made):
    monkeypatch.setattr("cojump.report.page.page", lambda *_a, **_o: made)
    path = write_page(results(), tmp_path)
    assert write_page(results(), tmp_path) == path
    path.write_text("notes of mine")
    with pytest.raises(StorageError):
        write_page(results(), tmp_path)
    assert path.read_text() == "notes of mine"


def test_results_of_every_kind_have_a_page():
    model = cj.systems.hopfield(cj.systems.random_patterns(2, 8, 1), 0.3, 1.5)
    run = cj.simulate(model, cj.corrupted(model), [0, 1], n_traj=1, distributions=[1.0], burn_in=0.0)
    assert "overlap1" in "".join(read(page([run])).cells)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_opens_it(tmp_path, width, made):
    path = tmp_path / "report.html"
    probe = (
        "<script>document.querySelector('th button').click();"
        "document.title = String(document.documentElement.scrollWidth <= innerWidth)</script></body>"
    )
    path.write_text(made.replace("</body>", probe), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900", "--enable-logging=stderr"]
    command = [CHROMIUM, *options, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()]
    opened = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert "CONSOLE" not in opened.stderr
    assert "<title>true</title>" in opened.stdout, "nothing is wider than the window"
    assert 'data-down="1"' in opened.stdout, "a click on a heading sorts"


def test_ranks_of_an_unfinished_run():
    title, columns, rows = _ranks({"elapsed": 10.0, "ranks": [[40, 9.0], [60, 9.9]]})
    assert title == "Of the last job, 10 s"
    assert [name for name, _ in columns] == ["rank", "busy", "trajectories", "per second"]
    assert rows == [["0", "90%", "40", "4/s"], ["1", "99%", "60", "6/s"]]


def test_how_many_trajectories_an_error_needs(made):
    one = results()[0]
    error, label = largest_error(Plan.of(results()), one)
    assert error == one.mean_stderr.max()
    assert one.labels[int(one.mean_stderr.max(axis=0).argmax())] == label
    assert f"{np.ceil(8 * (error / 0.01) ** 2):,.0f}" in read(made).cells


def test_one_of_anything_has_no_plural():
    one = replace(make_result(8, n_traj=1, n_times=1), n_jumps=1)
    words = " ".join(" ".join([_facts([one], ORIGIN), *_details(Plan.of([one]), False)]).split())
    assert "1 trajectory" in words
    assert "1 jump" in words
    assert not re.search(r"\b1 (more )?(trajectories|jumps|points|values|times|output times|averages)\b", words)
    assert [counted(1, "trajectory"), counted(2, "trajectory"), counted(1000, "delay")] == [
        "1 trajectory",
        "2 trajectories",
        "1,000 delays",
    ]
