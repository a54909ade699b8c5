"""Text for streams of any encoding: what a stream cannot write is spelled with letters that it can."""

from __future__ import annotations

import codecs

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
_ERRORS = "cojump.spell"
codecs.register(_ascii)
codecs.register_error(_ERRORS, _spell)


def spelled(encoding: str) -> tuple[str, str]:
    """Encoding and error handler under which a stream that has this encoding takes any text."""
    return (_ASCII if codecs.lookup(encoding).name == "ascii" else encoding), _ERRORS
