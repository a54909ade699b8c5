"""Input to the theory beside the trajectories that once ended in a traceback or in nonsense: each is one clear line."""

import numpy as np
import pytest

import cojump as cj
from cojump import attractors, bounds, fluctuations, longtime, reduced

S = "spins"
X, Z, UP = np.array([[0, 1], [1, 0]]), np.diag([1.0, -1.0]), np.diag([1.0, 0.0])
DOWN = np.array([[0, 0], [1, 0]])
TIMES = [0.0, 0.5, 1.0]
MIXED = np.eye(2) / 2


@pytest.fixture(scope="module")
def model():
    return cj.systems.facilitated(6, 0.3, 2.0, 1.0)


@pytest.fixture(scope="module")
def state(model):
    return cj.tilted(model, 1.1, 0.4)


@pytest.fixture(scope="module")
def exact(model, state):
    return cj.master_equation(model, state, TIMES)


WITH_A_START = [cj.master_equation, cj.mean_field, fluctuations.fluctuations, bounds.gronwall]


@pytest.mark.parametrize("call", WITH_A_START)
def test_what_is_no_model_or_no_state(call, model, state):
    with pytest.raises(cj.ArgumentError, match="`model` must be a cojump Model, but it is 'x'"):
        call("x", state, TIMES)
    for wrong in (None, {S: [1, 0]}):
        with pytest.raises(cj.ArgumentError, match="`state` must be a cojump State, but it is"):
            call(model, wrong, TIMES)


@pytest.mark.parametrize(
    "call",
    [
        cj.steady_state,
        attractors.fixed_points,
        attractors.survey,
        bounds.lemmas,
        lambda m: fluctuations.stationary(m, [MIXED]),
        lambda m: attractors.limit_cycle(m, [MIXED]),
        lambda m: reduced.one(m, None, S),
    ],
)
def test_what_is_no_model(call):
    with pytest.raises(cj.ArgumentError, match="`model` must be a cojump Model, but it is 3"):
        call(3)


def test_what_does_not_fit_in_one_line_is_named_by_its_type(model, exact):
    with pytest.raises(cj.ArgumentError, match="`state` must be a cojump State, but it is of type ndarray") as error:
        cj.steady_state(model, exact.second)
    assert "\n" not in str(error.value)


NO_STATES = [
    (None, "be a State, or a list of one density matrix per block"),
    ("up", "be a State, or a list of one density matrix per block"),
    ({S: MIXED}, "be a State, or a list of one density matrix per block"),
    ([], "have one density matrix per block, but there are 0 for 1"),
    ([MIXED, MIXED], "have one density matrix per block, but there are 2 for 1"),
    ([np.eye(3) / 3], r"be a density matrix \(2, 2\), but its shape is \(3, 3\)"),
    ([[1.0, 0.0]], r"be a density matrix \(2, 2\), but its shape is \(2,\)"),
    ([np.full((2, 2), np.nan)], "have finite entries"),
    ([np.zeros((2, 2))], "have trace 1"),  # the flow is linear: nothing at all is at rest
    ([np.eye(2)], "have trace 1"),
    ([np.diag([2.0, -1.0])], "have no negative eigenvalue"),
    ([np.array([[0.5, 0.1], [0.0, 0.5]])], "be Hermitian"),
]


@pytest.mark.parametrize(("given", "rule"), NO_STATES)
def test_densities_that_are_no_states(model, given, rule):
    with pytest.raises(cj.ArgumentError, match=r"`densities(\[0\])?` must " + rule):
        fluctuations.stationary(model, given)
    with pytest.raises(cj.ArgumentError, match=r"`start(\[0\])?` must " + rule):
        attractors.limit_cycle(model, given)


def test_what_is_a_fixed_point_does_not_depend_on_the_unit_of_time():
    found = []
    for unit in (1e-8, 1.0, 1e8):
        model = cj.systems.facilitated(6, 0.3 * unit, 5.0 * unit, unit)
        (point,) = attractors.fixed_points(model)
        found.append(fluctuations.stationary(model, point.densities).covariance)
        with pytest.raises(cj.ArgumentError, match="`densities` must be a fixed point of the mean-field flow"):
            fluctuations.stationary(model, [MIXED])
        undamped = cj.systems.free_flips(6, unit, 0.0, 0.0)
        with pytest.raises(cj.ConvergenceError, match="no stationary covariance"):
            fluctuations.stationary(undamped, [MIXED])
    assert found[0] == pytest.approx(found[1], abs=1e-10)
    assert found[2] == pytest.approx(found[1], abs=1e-10)


def test_a_state_is_a_fixed_point_as_well(model):
    stable = next(p for p in attractors.fixed_points(model) if p.stable)
    state = cj.product(model, {S: stable.densities[0]})
    expected = fluctuations.stationary(model, stable.densities)
    assert fluctuations.stationary(model, state).covariance == pytest.approx(expected.covariance, abs=1e-12)


def test_a_dark_state_reached_ever_slower_is_one_fixed_point():
    """dn/dt = -n³: Newton's method ends wherever |dm/dt| < 1e-10, and that was listed as many points."""
    for shift, x in ((0.0, UP), (1.0, Z)):
        jump = cj.LocalJump(DOWN, S, amplitude=lambda d, s=shift: s + d, argument={S: x})
        (point,) = attractors.fixed_points(cj.Model([cj.Block(S, 6)], [], [jump]))
        assert point.mean == pytest.approx([0, 0, -1], abs=1e-2)
        assert point.stability == "marginal"


def test_close_fixed_points_that_are_two_stay_two():
    """Right above the spinodal of facilitated flips, κ = 4γ, at a distance of about 1e-3 from each other."""
    model = cj.systems.facilitated(6, 0.0, 4.0 + 4e-6, 1.0)
    n = [(1 + p.mean[2]) / 2 for p in attractors.fixed_points(model)]
    root = np.sqrt(1 - 4 / (4.0 + 4e-6)) / 2
    assert n == pytest.approx([0, 0.5 - root, 0.5 + root], abs=1e-8)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("states", lambda m, s: attractors.fixed_points(m, states=s)),
        (r"states\[0\]", lambda m, s: attractors.fixed_points(m, states=[1])),
        ("starts", lambda m, s: attractors.survey(m, 3)),
        (r"starts\[1\]", lambda m, s: attractors.survey(m, [s, None])),
    ],
)
def test_starts_that_are_no_states(name, call, model, state):
    with pytest.raises(cj.ArgumentError, match=f"`{name}` must be a"):
        call(model, state)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("search", {"search": "many"}),
        ("seed", {"seed": -1}),
        ("time_limit", {"time_limit": float("nan")}),
        ("starts", {"starts": 3}),
        ("classify", {"classify": 3}),
        (r"starts\(model\)", {"starts": lambda m: 3}),
        ("build", {"build": None}),
        ("build", {"build": lambda x, y: 3}),
    ],
)
def test_a_scan_with_a_wrong_option_stops_before_it_starts(name, options):
    given = {"build": lambda x, y: cj.systems.facilitated(6, x, y, 1.0)} | options
    with pytest.raises(cj.ArgumentError, match=f"`{name}` must"):
        attractors.scan(given.pop("build"), [0.3], [1.0, 2.0], **given)


def test_a_scan_whose_models_differ(model):
    pair = cj.Model([cj.Block("a", 2), cj.Block("b", 2)], [], [cj.LocalJump(DOWN, "a"), cj.LocalJump(DOWN, "b")])
    diagram = attractors.scan(lambda x, y: model if x < 1 else pair, [0.0, 2.0], [1.0], search=1)
    assert list(diagram.failures) == [(1, 0)]
    assert "`build` must return models with the averages spins.x" in diagram.failures[1, 0]


def test_lemmas_that_need_too_much_memory_are_refused_at_once():
    with pytest.raises(cj.ArgumentError, match="fit into 4 GiB, but those of a sector of dimension 40,000 need"):
        bounds.lemmas(cj.systems.constrained(20_000, 0.7, 1.0, 1.0))


def test_sources_that_are_none(model, exact, state):
    with pytest.raises(cj.ArgumentError, match=r"`source` must have averages \(T, A\) at T times"):
        reduced.one(model, cj.steady_state(model), S)
    with pytest.raises(cj.ArgumentError, match="`mean_field` must have the averages of the model"):
        reduced.distance(model, exact, 3, S)


@pytest.mark.parametrize(
    ("series", "rule"),
    [("abc", "be an array of real numbers"), ([[1, 2], [3]], "be an array of num"), ([1j] * 9, "be an array of real")],
)
def test_series_that_are_none(series, rule):
    with pytest.raises(cj.ArgumentError, match=f"`series` must {rule}"):
        longtime.autocorrelation_time(series)
    with pytest.raises(cj.ArgumentError, match=f"`series` must {rule}"):
        longtime.residence(TIMES, series, 0.0, 1.0)


def test_a_step_of_no_length():
    with pytest.raises(cj.ArgumentError, match="`spacing` must be more than 0"):
        longtime.autocorrelation_time(np.arange(9.0), spacing=0)


def test_kept_series_of_another_model(model, state):
    one = cj.trajectory(model, state, TIMES, seed=1, index=0)
    pair = cj.Model([cj.Block(S, 2), cj.Block("b", 2)])
    with pytest.raises(cj.ArgumentError, match=r"`model` must have the averages of the source, spins.x, spins.y"):
        longtime.kept_series(one, {S: Z}, model=pair)
    with pytest.raises(cj.ArgumentError, match="`model` must be given with matrices as the observable"):
        longtime.kept_series(one, {S: Z})
    with pytest.raises(cj.ArgumentError, match="`model` must be a cojump Model, but it is 3"):
        longtime.kept_series(one, {S: Z}, model=3)
    assert longtime.kept_series(one, {S: Z}, model=model)[0] == pytest.approx(one.mean[:, 2], abs=1e-14)


def test_jump_records_that_are_none(model, state):
    one = cj.trajectory(model, state, TIMES, seed=1, index=0)
    for wrong in (None, 3, np.array(3.0), model):
        with pytest.raises(cj.ArgumentError, match=r"`records` must be jump records \(trajectory.jumps\)"):
            longtime.waiting_times(wrong)
    for wrong in (np.zeros(2, dtype=[("time", "U2"), ("channel", "i8")]), np.zeros((2, 2), dtype=one.jumps.dtype)):
        with pytest.raises(cj.ArgumentError, match="`records` must be jump records with a time and a channel"):
            longtime.waiting_times([wrong])
    for start in ("a", float("nan")):
        with pytest.raises(cj.ArgumentError, match="`start` must be a finite number"):
            longtime.waiting_times(one.jumps, start=start)
    waits = longtime.waiting_times(one.jumps)
    with pytest.raises(cj.ArgumentError, match="`times` must be an array of real numbers"):
        waits.survival("a")
    with pytest.raises(cj.ArgumentError, match="`edges` must be increasing"):
        waits.density([1.0, 0.0])


def test_fluctuations_of_a_stiff_flow_are_integrated():
    """Fast decay for long: the explicit method gives up, and its end is the solution of the Lyapunov equation."""
    model = cj.Model([cj.Block(S, 6)], [cj.OneBody(X, S)], [cj.LocalJump(100 * DOWN, S)])
    mf = cj.mean_field(model, cj.tilted(model, 1.1, 0.4), [0.0, 4.0])
    (point,) = attractors.fixed_points(model)
    expected = fluctuations.stationary(model, point.densities)
    assert mf.covariance[-1] == pytest.approx(expected.covariance, abs=1e-9)
    assert mf.correction[-1] == pytest.approx(expected.correction, abs=1e-9)
    assert expected.covariance[0, 0] == pytest.approx(1 - point.mean[0] ** 2, abs=1e-9)  # independent particles


class _Looks:
    """Something that has some of the attributes of a result, and wrong ones."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def test_what_only_looks_like_a_result(model, exact):
    labels = exact.labels
    for wrong in (
        model,
        exact,
        _Looks(trajectories=5, times=None, labels=("a",)),
        _Looks(jumps=3, times=None, mean=None, labels=None),
        _Looks(jumps=3),
    ):
        for call in (longtime.averages, lambda s: longtime.kept_series(s, "spins.z")):
            with pytest.raises(cj.ArgumentError, match="`source` must be a result that keeps series, or a trajectory"):
                call(wrong)
    with pytest.raises(cj.ArgumentError, match="`source` must have series of 3 times and 1 average,"):
        longtime.averages(_Looks(trajectories=np.zeros((2, 3)), times=np.arange(3.0), labels=("a",)))
    for wrong, rule in (
        (_Looks(labels=5, mean=3, times="x"), "have the averages of the model"),
        (_Looks(labels=None), "have the averages of the model"),
        (_Looks(labels=labels, mean="x"), r"have averages \(T, A\) at T times"),
        (_Looks(labels=labels, mean=np.zeros((3, 2))), r"have averages \(T, A\) at T times"),
        (_Looks(labels=labels, mean=np.zeros((2, 3)), second=None), r"have second moments \(T, A, A\)"),
        (_Looks(labels=labels, mean=np.zeros((2, 3)), second=np.zeros((3, 3))), r"have second moments \(T, A, A\)"),
    ):
        for call in (reduced.one, reduced.two, reduced.correlators):
            with pytest.raises(cj.ArgumentError, match=f"`source` must {rule}"):
                call(model, wrong, *((S,) if call is reduced.one else (S, S)))


@pytest.mark.parametrize("wrong", [np.zeros(3), np.array(["a", "b"]), None, 3])
def test_names_that_are_none(model, exact, wrong):
    mf = cj.mean_field(model, cj.tilted(model, 1.1, 0.4), TIMES)
    for call in (
        lambda: reduced.one(model, exact, wrong),
        lambda: reduced.two(model, exact, S, wrong),
        lambda: reduced.correlators(model, exact, wrong, S),
        lambda: reduced.distance(model, exact, mf, wrong),
    ):
        with pytest.raises(cj.ArgumentError, match="`block` must be a name, but it is"):
            call()
    with pytest.raises(cj.ArgumentError, match="`label` must be a name, but it is"):
        reduced.correlator(model, exact, "spins.x", wrong)
    with pytest.raises(cj.ArgumentError, match="`model` must be a cojump Model"):
        reduced.correlator(wrong, exact, "spins.x", "spins.z")


def test_times_that_differ_by_rounding_are_the_same(model, exact):
    state = cj.tilted(model, 1.1, 0.4)
    rounded = cj.mean_field(model, state, np.nextafter(TIMES, 2.0) * np.array([0, 1, 1]))
    expected = reduced.distance(model, exact, cj.mean_field(model, state, TIMES), S)[0]
    assert reduced.distance(model, exact, rounded, S)[0] == pytest.approx(expected, abs=1e-12)
    with pytest.raises(cj.ArgumentError, match="`mean_field` must have the times of the source"):
        reduced.distance(model, exact, cj.mean_field(model, state, [0.0, 0.5, 1.0 + 1e-9]), S)


def test_arrays_of_times_beside_arrays_of_values():
    times = [np.arange(4.0), np.arange(3.0)]
    for series, rule in (
        (3, "have one array for each of the 2 arrays of times, but it is 3"),
        (np.array(3.0), "have one array for each of the 2 arrays of times"),
        ([np.zeros(4)], "have one array for each of the 2 arrays of times, but it has 1"),
    ):
        with pytest.raises(cj.ArgumentError, match=f"`series` must {rule}"):
            longtime.residence(times, series, 0.0, 1.0)
    with pytest.raises(cj.ArgumentError, match=r"`series\[1\]` must have one value for each of the 3 times\[1\]"):
        longtime.residence(times, [np.zeros(4), np.zeros(4)], 0.0, 1.0)
