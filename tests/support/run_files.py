"""The text of run files: tables {key: value}, each value as TOML has it."""

TILTED = {"kind": '"tilted"', "theta": "1.1", "phi": "0.4"}


def text_of(**sections):
    """The file with these tables; a table or a value that is None is left out."""
    lines = []
    for section, table in sections.items():
        if table is not None:
            lines.append(f"[{section}]")
            lines += [f"{key} = {value}" for key, value in table.items() if value is not None]
    return "\n".join(lines) + "\n"


def run_text(model, *, end=1.0, steps=4, **run):
    """A model from a tilted start, with the keys ``run`` of the last section, to which a test can add."""
    return text_of(model=model, initial=TILTED, times={"end": end, "steps": steps}, run=run)


def flips(size, *, system="constrained", omega=0.7):
    """The table of a model with flips at the rates 1.3 and 0.8."""
    return {"system": f'"{system}"', "size": size, "omega": omega, "rate_up": 1.3, "rate_down": 0.8}
