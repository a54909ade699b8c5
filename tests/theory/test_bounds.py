"""The constants of Theorem 1 against independent ones, its bound against the exact distance, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

import cojump as cj
from cojump.theory.bounds.form import paper_form
from cojump.theory.bounds.gronwall import constants
from cojump.theory.bounds.rates import Series, Smooth
from cojump.theory.mean_field import Flow
from tests import oracle
from tests.support.bound_models import BETA, MODELS, everyone, rich, three_levels, two_blocks
from tests.support.pauli import RAISE, X, Z

# ---- the paper's letters -------------------------------------------------------------------------


BRUTE = [(name, MODELS[name](4)) for name in MODELS] + [("three levels", three_levels())]


@pytest.mark.parametrize(("name", "model"), BRUTE, ids=[name for name, _ in BRUTE])
def test_the_paper_form_is_the_model(name, model):
    """ε, h, r, a and the basis rebuild H, Δ and all commutators in the space of all particles."""
    full, form, m = everyone(model)
    gram = [[np.trace(v.matrix @ w.matrix) if v.block == w.block else 0 for w in form.basis] for v in form.basis]
    assert np.allclose(gram, np.eye(len(form.basis)), rtol=0, atol=1e-14)
    for a, v in enumerate(form.basis):
        for b, w in enumerate(form.basis):
            rebuilt = sum(form.structure[a, b, g] * u.matrix for g, u in enumerate(form.basis) if u.block == v.block)
            commutator = v.matrix @ w.matrix - w.matrix @ v.matrix if v.block == w.block else 0 * v.matrix
            assert np.allclose(rebuilt, commutator, rtol=0, atol=1e-13)
    H = sum(model.size * e * m_a for e, m_a in zip(form.epsilon, m, strict=True))
    H = H + model.size * sum(
        form.h[a, b] * m[a] @ m[b] for a in range(len(m)) for b in range(len(m)) if form.h[a, b] != 0
    )
    assert np.allclose(H, full.hamiltonian, rtol=0, atol=1e-11)
    for l, jump in enumerate(model.jumps):
        delta = np.zeros_like(full.hamiltonian)
        for b, x in jump.argument.items():
            delta += full.collective(x, b) / len(full.members[b])
        assert np.allclose(sum(r * m_a for r, m_a in zip(form.r[l], m, strict=True)), delta, rtol=0, atol=1e-13)
        assert np.linalg.norm(delta, 2) <= form.delta[l] + 1e-13  # (14)


@pytest.mark.parametrize(("name", "model"), BRUTE, ids=[name for name, _ in BRUTE])
def test_A_B_and_M_give_the_mean_field_flow(name, model):
    rng = np.random.default_rng(4)
    form = paper_form(model)
    r = []
    for block in model.blocks:
        root = rng.normal(size=(block.levels,) * 2) + 1j * rng.normal(size=(block.levels,) * 2)
        r.append(root @ root.conj().T / np.trace(root @ root.conj().T))
    share = [block.size / model.size for block in model.blocks]
    m = np.array([share[v.block] * np.trace(r[v.block] @ v.matrix).real for v in form.basis])
    f = 1j * form.A @ m + 1j * np.einsum("abg,b,g->a", form.B, m, m)
    for l, jump in enumerate(model.jumps):
        f = f + jump.gamma(np.array([form.r[l] @ m]))[0] ** 2 * form.M[l] @ m
    change = Flow(model)(r)
    expected = [share[v.block] * np.trace(change[v.block] @ v.matrix) for v in form.basis]
    assert np.allclose(f, expected, rtol=0, atol=1e-12)


# ---- rates ---------------------------------------------------------------------------------------


def rate_of(amplitude=None, rate=None, argument=Z, j=RAISE, exclude_self=False, taylor=None, N=10):
    jump = cj.LocalJump(j, "s", amplitude=amplitude, rate=rate, argument={"s": argument}, exclude_self=exclude_self)
    found = constants(cj.Model([cj.Block("s", N)], [], [jump]), taylor=None if taylor is None else {0: taylor})
    return found.rates[0]


def test_series_of_an_entire_rate_is_its_taylor_series():
    d = np.sqrt(2)  # δ of σ_z: |tr(σ_z σ_z/√2)|
    s = rate_of(lambda v: np.exp(-0.8 * v))
    assert isinstance(s, Series)
    a = 0.8 * d
    assert s.gamma(d) == pytest.approx(np.exp(a), rel=1e-12)
    assert s.gamma_prime(d) == pytest.approx(0.8 * np.exp(a), rel=1e-12)
    # Σ n² a^n/n! = (a + a²) e^a: the n² of (A.8), not the n(n-1) of a second derivative
    assert s.gamma_second(d) == pytest.approx((a + a**2) * np.exp(a) / d**2, rel=1e-11)
    assert rate_of(rate=lambda v: np.exp(-1.6 * v)).gamma(d) == pytest.approx(np.exp(a), rel=1e-12)  # Γ = √rate
    assert rate_of(np.cos).gamma(d) == pytest.approx(np.cosh(d), rel=1e-12)  # moduli of the coefficients
    cubic = rate_of(lambda v: 1 - 2 * v + 0.5 * v**3)
    assert np.allclose(cubic.coefficients, [1, -2, 0, 0.5], rtol=0, atol=1e-13)
    assert cubic.gamma(d) == pytest.approx(1 + 2 * d + 0.5 * d**3, rel=1e-12)
    assert rate_of(rate=lambda v: 5 * v**2, argument=np.diag([1, 0])).coefficients == pytest.approx([0, np.sqrt(5)])


def test_taylor_coefficients_of_the_user():
    def real_only(v):
        return np.exp(v.astype(float, casting="same_kind"))

    assert isinstance(rate_of(real_only), Smooth)
    factorials = np.cumprod(np.concatenate([[1.0], np.arange(1, 25)]))
    s = rate_of(real_only, taylor=1 / factorials)
    assert isinstance(s, Series)
    assert s.gamma(np.sqrt(2)) == pytest.approx(np.exp(np.sqrt(2)), rel=1e-13)
    with pytest.raises(cj.ArgumentError, match=r"`taylor\[0\]` must reproduce Γ over the spectrum of Δ, but"):
        rate_of(real_only, taylor=1 / factorials[:8])
    with pytest.raises(cj.ArgumentError, match=r"`taylor\[0\]` must have finite entries"):
        rate_of(real_only, taylor=[1, np.nan])
    with pytest.raises(cj.ArgumentError, match=r"`taylor\[0\]` must be left out"):
        rate_of(real_only, taylor=1 / factorials, exclude_self=True)
    with pytest.raises(cj.ArgumentError, match="`taylor` must have keys within 0 and 1"):
        constants(MODELS["constrained"](4), taylor={2: [0, 1]})


@pytest.mark.parametrize("exclude_self", [True, False])
@pytest.mark.parametrize("beta", [0.3, BETA, 1.7, 8.0])
def test_hopfield_rates_have_the_constants_of_their_closed_form(beta, exclude_self):
    """Γ² = p = 1/(1 + e^{-2βx}): (Γ²)' = 2βp(1-p) ≤ β/2, Γ' = β√p (1-p), largest at p = 1/3 where x reaches it."""
    c = constants(cj.systems.hopfield(np.ones((1, 30)), 0.5, beta, exclude_self=exclude_self))
    x = np.linspace(-1, 1, 20001)
    p = expit(2 * beta * x)
    for rate in c.rates:
        assert isinstance(rate, Smooth)
        assert rate.norm == pytest.approx(np.sqrt(p.max()), rel=5e-4)
        assert rate.difference == pytest.approx(beta / 2, rel=5e-4)
        assert rate.commutator == pytest.approx(
            2 * (beta * np.sqrt(p) * (1 - p)).max(), rel=5e-4
        )  # C_σ, spread of σ_z 2
        assert min(rate.norm / np.sqrt(p.max()), rate.difference / (beta / 2)) >= 1 - 1e-12  # bounds, not samples
        assert rate.mixed == 0.0  # σ_±σ_∓ commutes with ΔE
        # the constant of (78) with ‖R‖ ≤ 1/2 is above the sharp one
        assert rate.difference <= 1.001 * np.sinh(2 * beta * rate.delta) / (4 * rate.delta)
    # (65): 3ΓC_σ + C_σ²; self-excluded ½C_σ² + 2 max|(Γ²)'|·1
    C, G, D = c.rates[0].commutator, c.rates[0].norm, c.rates[0].difference
    assert c.C_x[0] == pytest.approx(0.5 * C**2 + 2 * D if exclude_self else 3 * G * C + C**2, rel=1e-12)


def test_lemma_5_and_lemma_1_of_a_number():
    """|Γ²(x) - Γ²(y)| ≤ C |x - y| over the spectrum and every mean-field value, and |Γ| ≤ its bound."""
    for name in MODELS:
        model = MODELS[name](12)
        for jump, rate in zip(model.jumps, constants(model).rates, strict=True):
            ends = [np.linalg.eigvalsh(x)[[0, -1]] for x in jump.argument.values()]
            low, high = np.sum(ends, axis=0) if ends else (0.0, 0.0)
            x = np.linspace(low, high, 301)
            g = jump.gamma(x)
            assert np.abs(g).max() <= rate.norm * (1 + 1e-12)
            gap = np.abs(x[:, None] - x[None, :])
            assert np.all(np.abs(g[:, None] ** 2 - g[None, :] ** 2) <= rate.difference * gap + 1e-12)


# ---- constants -----------------------------------------------------------------------------------


def test_constants_of_the_constrained_model_by_hand():
    """Δ = n_av = (σ_z + 1)/2 has r = (1, 1)/√2, δ = √2; Γ = x: γ = √2, γ' = 1, γ'' = 1/√2."""
    c = constants(cj.systems.constrained(50, 0.7, 1.3, 0.8))
    assert (c.d2, c.q) == (4, 2)
    assert c.r == pytest.approx(np.array([[0, 0, 1, 1], [0, 0, 1, 1]]) / np.sqrt(2), abs=1e-15)
    assert [c.a_max, c.h_max, c.A, c.B, c.M] == pytest.approx([np.sqrt(2), 0, 1.4, 0, 1.3])
    assert [c.delta, c.gamma, c.gamma_prime, c.gamma_second] == pytest.approx([2**0.5, 2**0.5, 1, 0.5**0.5])
    # C_x = 2‖j‖²{[2δγ' + 3γ]δγ' + 2γ δ²γ''}, δγ' = γ = δ²γ'' = √2
    assert c.C_x == pytest.approx([2 * 1.3 * (5 * 2 + 2 * 2), 2 * 0.8 * (5 * 2 + 2 * 2)])
    assert [c.C_v, c.C_L] == pytest.approx([36.4, 72.8])
    C_P = (1.3 + 0.8) * (2 * np.sqrt(2) + 4 * np.sqrt(2) * np.sqrt(2)) ** 2
    C_0 = 2 * (4 * 1.4 + 2 * 4 * 1.3 * (2 + 4))
    assert pytest.approx(544) == C_0 * 4
    assert pytest.approx([C_P, C_0, 4 * C_0, 4 * (C_P + 4 * 72.8)]) == [c.C_P, c.C_0, c.C_1, c.C_2]
    # wrong on purpose: the second derivative of γ(z) = z in place of Σ n²|c_n| z^{n-2}, and C_v as printed
    assert abs(2 * 1.3 * (5 * 2 + 2 * 2**0.5 * 0) - c.C_v) > 10
    assert abs(2 * 1.3 * 5 * 2 + 2 * 2 - c.C_v) > 6


def test_two_body_terms_enter_as_in_lemma_3():
    """(χ/N)(Σσ_z)² has h_zz = 2χ: B = 2·2χ·√2, and C_L its d⁸ h a²."""
    c = constants(cj.systems.free_flips(20, 0.7, 1.3, 0.8, chi=0.4))
    assert [c.h_max, c.B] == pytest.approx([0.8, 2 * 0.8 * np.sqrt(2)])
    assert [c.delta, c.gamma, c.gamma_prime, c.gamma_second] == [0, 1, 0, 0]
    # C_0 = 2(d²A + d⁴·2B + q d² M), with A = 1.4 and M = 1.3 as in the constrained model
    assert pytest.approx([4**4 * 0.8 * 2, 2 * (4 * 1.4 + 16 * 2 * c.B + 2 * 4 * 1.3)]) == [c.C_L, c.C_0]


def test_what_stands_for_the_series_is_said():
    model = rich(6)
    text = cj.bounds.gronwall(model, cj.tilted(model, 1.1, 0.4), [0.0]).text.splitlines()
    assert [line.split(": ")[:2] for line in text[:4]] == [
        ["jumps[0]", "Assumption 1"],
        ["jumps[1]", "Assumption 1"],
        ["jumps[2]", "section 5.2"],
        ["jumps[3]", "Assumption 1"],
    ]
    assert text[4].startswith("C1 = ")
    assert np.isnan(constants(model).gamma)  # one rate has no series


# ---- the bound -----------------------------------------------------------------------------------

STARTS = {"constrained": 6, "hopfield": 5, "rich": 4, "two blocks": 4}


@pytest.mark.parametrize("name", STARTS)
def test_bound_is_above_the_exact_distance(name):
    """E_N(t) of the full master equation; at t = 0 they meet where there is one block; |dE/dt| ≤ C1 E + C2/N, (49)."""
    model = MODELS[name](STARTS[name])
    state = cj.tilted(model, 1.1, 0.4)
    times = np.concatenate([[0.0], np.geomspace(1e-6, 0.02, 30), [0.5, 2.0]])
    ket = np.array([np.cos(0.55), np.exp(0.4j) * np.sin(0.55)])
    solution = oracle.solve(model, oracle.product_state(model, {b.name: ket for b in model.blocks}), times)
    exact = oracle.deviation(solution, cj.mean_field(model, state, times).mean, model)
    bound = cj.bounds.gronwall(model, state, times)
    assert bound.deviation_0 == pytest.approx(exact[0], rel=1e-12)
    assert np.all(np.log10(exact) <= bound.log10_bound + 1e-12)
    if len(model.blocks) == 1:
        assert bound.log10_bound[0] == pytest.approx(np.log10(exact[0]), abs=1e-12)
        # the bound is e^{C1 t} E_N(0) + C2 (e^{C1 t} - 1)/(C1 N) where that is a float
        c, few = bound.constants, times[:-2] * bound.constants.C_1 < 300
        growth = np.exp(c.C_1 * times[:-2][few])
        plain = growth * exact[0] + c.C_2 * (growth - 1) / (c.C_1 * model.size)
        assert 10 ** bound.log10_bound[:-2][few] == pytest.approx(plain, rel=1e-9)
    c = bound.constants
    slope = np.abs(np.diff(exact) / np.diff(times))
    assert np.all(slope <= bound.scale * (c.C_1 * exact[1:] + c.C_2 / model.size))
    assert slope.max() > 0.01  # something happens


def test_lemma_5_in_a_state():
    """|ω_t(Γ²(Δ_N) - Γ²(Δ(t)))| ≤ C Σ|r_α| √ω_t((m_α - m_α(t))²) along the exact evolution."""
    model = MODELS["constrained"](5)
    full, form, m = everyone(model)
    state, times = cj.tilted(model, 1.1, 0.4), np.linspace(0, 3, 7)
    ket = np.array([np.cos(0.55), np.exp(0.4j) * np.sin(0.55)])
    solution = full.solve(oracle.product_state(model, {"spins": ket}), times)
    r = cj.mean_field(model, state, times).densities[0]
    rate = constants(model).rates[0]
    ratios = []
    for rho, one in zip(solution.rho, r, strict=True):
        field = np.array([np.trace(one @ v.matrix).real for v in form.basis])
        G = full._gamma(model.jumps[0], None)
        left = abs(np.trace(rho @ G @ G).real - (form.r[0] @ field) ** 2)
        eye = np.eye(full.dimension)
        spread = [np.trace(rho @ (x - f * eye) @ (x - f * eye)).real for x, f in zip(m, field, strict=True)]
        right = rate.difference * np.abs(form.r[0]) @ np.sqrt(np.maximum(spread, 0))
        assert left <= right
        ratios.append(right / left)
        assert np.all(np.abs(field) <= 1)  # Lemma 4
    print("Lemma 5, slack along the evolution:", np.round(ratios, 1))


def test_size_of_the_bound_of_the_demo():
    for N in (50, 200, 800):
        model = cj.systems.constrained(N, 0.7, 1.3, 0.8)
        bound = cj.bounds.gronwall(model, cj.tilted(model, 1.1, 0.4), [0, 4.0])
        expected = 544 * 4 / np.log(10) + np.log10((1 + bound.constants.C_2 / 544) / N)
        assert bound.log10_bound[1] == pytest.approx(expected, abs=1e-9)
        assert bound.log10_bound[1] + np.log10(N) == pytest.approx(945.72, abs=0.01)


def test_start_of_states_that_are_no_products():
    model = MODELS["constrained"](6)
    for state, rho in (
        (cj.dicke(model, {"spins": (2, 1)}), oracle.dicke_state(model, {"spins": (2, 1)})),
        (cj.dicke(model, {"spins": (0, 0)}), oracle.dicke_state(model, {"spins": (0, 0)})),
        (cj.dicke(model, {"spins": (3, -3)}), oracle.dicke_state(model, {"spins": (3, -3)})),
        (
            cj.product(model, {"spins": np.diag([0.7, 0.3])}),
            oracle.product_state(model, {"spins": np.diag([0.7, 0.3])}),
        ),
        (
            cj.symmetric(model, {"spins": np.sqrt(np.arange(1, 8) / 28) * 1j ** np.arange(7)}),
            oracle.symmetric_state(model, {"spins": np.sqrt(np.arange(1, 8) / 28) * 1j ** np.arange(7)}),
        ),
    ):
        solution = oracle.solve(model, rho, [0.0])
        exact = oracle.deviation(solution, cj.mean_field(model, state, [0.0]).mean, model)[0]
        assert cj.bounds.gronwall(model, state, [0.0]).deviation_0 == pytest.approx(exact, abs=1e-13)


def test_nothing_moves_nothing_grows():
    model = cj.Model([cj.Block("s", 8)])
    bound = cj.bounds.gronwall(model, cj.tilted(model, 1.0, 0.0), [0, 5.0])
    assert (bound.constants.C_1, bound.constants.C_2) == (0, 0)
    assert bound.log10_bound == pytest.approx([np.log10(1 / 8)] * 2)
    assert cj.bounds.lemmas(model)[0].scaled == 0


# ---- where nothing is claimed ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (cj.systems.boundary_time_crystal(10, 1.0, 1.0), r"local jumps .* only, but jumps\[0\] is collective"),
        (cj.systems.facilitated(10, 0.3, 5.0, 1.0, power=1), r"smooth Γ, but that of jumps\[0\] is kinked or of unbou"),
        (
            cj.Model([cj.Block("s", 9)], [], [cj.LocalJump(RAISE, "s", amplitude=np.abs, argument={"s": Z})]),
            r"jumps\[0\] is kinked .* neither Assumption 1 nor section 5.2 of the paper applies",
        ),
        (
            cj.Model(
                [cj.Block("s", 9)],
                [],
                [
                    cj.LocalJump(X, "s"),
                    cj.LocalJump(
                        RAISE, "s", amplitude=lambda v: np.abs(v - 0.31), argument={"s": Z}, exclude_self=True
                    ),
                ],
            ),
            r"jumps\[1\] is kinked",
        ),
    ],
    ids=["collective", "square root", "kink", "kink, self-excluded"],
)
def test_refusals_name_the_jump_and_the_reason(model, reason):
    for ask in (constants, cj.bounds.lemmas, lambda m: cj.bounds.gronwall(m, cj.tilted(m, 1.0, 0.0), [0.0])):
        with pytest.raises(cj.UnsupportedError, match=reason) as caught:
            ask(model)
        assert "\n" not in str(caught.value)


def test_a_kink_outside_of_the_spectrum_is_none():
    """|n_av| is n_av."""
    assert rate_of(np.abs, argument=np.diag([1, 0])).coefficients == pytest.approx([0, 1])


def test_bad_arguments():
    model = MODELS["constrained"](4)
    with pytest.raises(cj.ArgumentError, match="`times` must be increasing"):
        cj.bounds.gronwall(model, cj.tilted(model, 1.0, 0.0), [1.0, 0.5])
    with pytest.raises(cj.ArgumentError, match="`state` must be made for this model"):
        cj.bounds.gronwall(model, cj.tilted(two_blocks(4), 1.0, 0.0), [1.0])
    with pytest.raises(
        cj.ArgumentError, match="`support` must be at most the 4 particles of block 'spins', but it is 5"
    ):
        cj.bounds.lemmas(model, support=5)
    with pytest.raises(cj.ArgumentError, match="`support` must be an integer of at least 1"):
        cj.bounds.lemmas(model, support=0)
    with pytest.raises(cj.ArgumentError, match="`taylor` must map numbers of jumps"):
        cj.bounds.lemmas(model, taylor=[0, 1])
