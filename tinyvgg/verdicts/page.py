"""The ledger as parts of a page: a table, and for each claim its details to unfold."""

from __future__ import annotations

from html import escape

from tinyvgg.experiments.statistics import NAN, Interval
from tinyvgg.verdicts.ledger import Ledger
from tinyvgg.verdicts.rules import NOT, PARTLY, REPRODUCED, UNTESTED, Claim

GLYPHS = {REPRODUCED: "●", PARTLY: "◐", NOT: "✕", UNTESTED: "○"}
ANSWERS = {True: "✓ holds", False: "✕ does not hold", None: "○ cannot be decided here"}
ELSEWHERE = "mean over seeds or record"
ORIGINS = {"run": "this run", "seeds": "mean over seeds", "recorded": "record", "": ""}


class Html:
    """Output that shows as HTML in a page and as plain text elsewhere; a table has its CSV."""

    def __init__(self, html: str, text: str, csv: str | None = None):
        self.html, self.text, self.csv = html, text, csv

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def verdict_table(found: Ledger) -> Html:
    """One row per claim: verdict, claim, page, and the values of the paper, this run and seeds."""
    rows = []
    for row in found.table().to_dict("records"):
        title = f'<a href="#claim-{row["name"]}">{escape(row["claim"])}</a>'
        where = _link(row["page"], row["place"])
        cells = [
            f"{GLYPHS[row['verdict']]} {row['verdict']}",
            f"{title}<br><small>{escape(row['what'])}; page {where}</small>",
            *(escape(row[column]) for column in ("paper", "this run", "over seeds")),
        ]
        rows.append(cells)
    head = ["verdict", "claim", "paper", "this run", ELSEWHERE]
    plain = found.table().drop(columns=["page", "place"])
    html = _table(head, rows, "results verdicts")
    return Html(html, plain.to_string(index=False), plain.to_csv(index=False))


def rules(found: Ledger) -> Html:
    """Claim by claim: what the paper says, the rule, the result of each condition, all values."""
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
        sentence = part.text[0].upper() + part.text[1:]
        answers.append(f"<li>{escape(sentence)}. <em>{answer}</em></li>")
    one = len(claim.parts) == 1
    how = "this condition holds" if one else "all of these conditions hold"
    return (
        f'<details id="claim-{claim.name}" class="claim">'
        f"<summary><strong>{GLYPHS[verdict]} {escape(claim.title)}</strong>: {verdict}</summary>"
        f"<p>{escape(claim.statement)} <small>({escape(claim.where)})</small></p>"
        f"<p>The claim counts as reproduced if {how}:</p><ol>{''.join(answers)}</ol>"
        f"{_figures(found, claim)}"
        f"<p>{escape(claim.note)} Measured on the page {_link(claim.page, claim.place)}.</p>"
        "</details>"
    )


def _figures(found: Ledger, claim: Claim) -> str:
    evidence, rows = found.evidence, []
    for quantity in claim.quantities:
        printed = None if quantity.paper is None else Interval(quantity.paper, NAN, NAN)
        ours = (evidence.run.get(quantity.key), evidence.elsewhere(quantity.key))
        rows.append([escape(x) for x in (quantity.label, *map(quantity.words, (printed, *ours)))])
    return _table(["quantity", "paper", "this run", ELSEWHERE], rows)


def _table(head: list[str], rows: list[list[str]], kind: str = "results") -> str:
    names = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" for cells in rows)
    table = f"<thead><tr>{names}</tr></thead><tbody>{body}</tbody>"
    return f'<table class="{kind}">{table}</table>'


def _link(page: str, place: str) -> str:
    title = page[3:].replace("_", " ").capitalize()
    return f'<a href="{page}.html{"#" * bool(place)}{place}">{title}</a>'
