"""The ledger as parts of a page: a table, and a paragraph for each claim that can be unfolded."""

from __future__ import annotations

from html import escape

from tinyvgg.experiments.statistics import NAN, Interval
from tinyvgg.verdicts.ledger import Ledger
from tinyvgg.verdicts.rules import NOT, PARTLY, REPRODUCED, UNTESTED, Claim

GLYPHS = {REPRODUCED: "●", PARTLY: "◐", NOT: "✕", UNTESTED: "○"}
ANSWERS = {True: "✓ holds", False: "✕ does not hold", None: "○ cannot be told here"}
ELSEWHERE = "over seeds, or recorded"
ORIGINS = {"run": "this run", "seeds": "over seeds", "recorded": "recorded", "": ""}


class Html:
    """Shows itself as HTML in a page and as plain text elsewhere; a table has its CSV as well."""

    def __init__(self, html: str, text: str, csv: str | None = None):
        self.html, self.text, self.csv = html, text, csv

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def verdict_table(found: Ledger) -> Html:
    """A row a claim: verdict, claim, where it is measured; the paper's value, ours, over seeds."""
    rows = []
    for row in found.table().to_dict("records"):
        title = f'<a href="#claim-{row["name"]}">{escape(row["claim"])}</a>'
        where = _link(row["page"], row["place"])
        cells = [
            f"{GLYPHS[row['verdict']]} {row['verdict']}",
            f"{title}<br><small>{escape(row['what'])}; in {where}</small>",
            *(escape(row[column]) for column in ("paper", "this run", "over seeds")),
        ]
        rows.append(cells)
    head = ["verdict", "claim", "the paper", "this run", ELSEWHERE]
    plain = found.table().drop(columns=["page", "place"])
    html = _table(head, rows, "results verdicts")
    return Html(html, plain.to_string(index=False), plain.to_csv(index=False))


def rules(found: Ledger) -> Html:
    """Claim by claim: what the paper says, the rule, what came of its conditions, all figures."""
    return Html(
        "".join(_unfolding(found, claim) for claim in found.claims),
        "\n\n".join(f"{claim.title}\n{claim.statement}\n{claim.rule}" for claim in found.claims),
    )


def _unfolding(found: Ledger, claim: Claim) -> str:
    verdict = claim.decide(found.evidence)
    answers = []
    for part in claim.parts:
        answer = ANSWERS[part.holds(found.evidence)]
        if origin := ORIGINS[found.source_of(part)]:
            answer += f" ({origin})"
        answers.append(f"<li>{escape(part.text)}: <em>{answer}</em></li>")
    how = "this holds" if len(claim.parts) == 1 else "all of this holds"
    return (
        f'<details id="claim-{claim.name}" class="claim">'
        f"<summary><strong>{GLYPHS[verdict]} {escape(claim.title)}</strong>: {verdict}</summary>"
        f"<p>{escape(claim.statement)} <small>({escape(claim.where)})</small></p>"
        f"<p>Reproduced if {how}:</p><ol>{''.join(answers)}</ol>"
        f"{_figures(found, claim)}"
        f"<p>{escape(claim.note)} Measured in {_link(claim.page, claim.place)}.</p></details>"
    )


def _figures(found: Ledger, claim: Claim) -> str:
    evidence, rows = found.evidence, []
    for quantity in claim.quantities:
        printed = None if quantity.paper is None else Interval(quantity.paper, NAN, NAN)
        ours = (evidence.run.get(quantity.key), evidence.elsewhere(quantity.key))
        rows.append([escape(x) for x in (quantity.label, *map(quantity.words, (printed, *ours)))])
    return _table(["", "the paper", "this run", ELSEWHERE], rows)


def _table(head: list[str], rows: list[list[str]], kind: str = "results") -> str:
    names = "".join(f"<th>{name}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" for cells in rows)
    table = f"<thead><tr>{names}</tr></thead><tbody>{body}</tbody>"
    return f'<table class="{kind}">{table}</table>'


def _link(page: str, place: str) -> str:
    title = page[3:].replace("_", " ")
    return f'<a href="{page}.html{"#" * bool(place)}{place}">{title}</a>'
