"""Text on terminals and in pipes of any encoding: what a stream cannot write is spelled with letters that it can."""

from __future__ import annotations

import codecs
import contextlib
from typing import TextIO

_SPELLED = {
    "≤": "<=", "≥": ">=", "±": "+-", "×": "x", "·": "*", "→": "->", "↔": "<->", "∞": "inf", "—": "-", "−": "-",
    "…": "...", "√": "sqrt", "Σ": "Sum", "²": "^2", "³": "^3", "½": "1/2", "†": "^+", "⊗": "x", "‖": "|", "∂": "d",
    "≈": "~", "≠": "!=", "⊥": "_|_", "∫": "int", "₀": "0", "₁": "1", "ħ": "hbar", "α": "alpha", "β": "beta",
    "γ": "gamma", "Γ": "Gamma", "δ": "delta", "Δ": "Delta", "ε": "eps", "η": "eta", "θ": "theta", "κ": "kappa",
    "λ": "lambda", "Λ": "Lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau",
    "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Ω": "Omega", "𝓛": "L",
}  # fmt: skip


def _spell(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(_SPELLED.get(c) or c.encode("ascii", "backslashreplace").decode() for c in bad), error.end


def _ascii(name: str) -> codecs.CodecInfo | None:
    """ASCII under a name of its own: click takes a stream in "ascii" for one set up by mistake, and writes UTF-8."""
    if name != _ASCII.replace("-", "_"):
        return None
    plain = codecs.lookup("ascii")
    return codecs.CodecInfo(
        name=_ASCII,
        encode=plain.encode,
        decode=plain.decode,
        incrementalencoder=plain.incrementalencoder,
        incrementaldecoder=plain.incrementaldecoder,
        streamreader=plain.streamreader,
        streamwriter=plain.streamwriter,
    )


_ASCII = "cojump-ascii"
codecs.register(_ascii)
codecs.register_error("cojump.spell", _spell)


def make_readable(*streams: TextIO) -> None:
    """Let streams write any text: a character that their encoding lacks is spelled out, never an error."""
    for stream in streams:
        with contextlib.suppress(
            AttributeError, LookupError, TypeError, ValueError, OSError
        ):  # closed, or no text stream of Python's
            plain = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=_ASCII if plain else None, errors="cojump.spell")  # type: ignore[attr-defined]
