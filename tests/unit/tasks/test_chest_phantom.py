"""The chest phantom: reproducible, with every finding visible, and none betrayed by brightness."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wattscan.contracts import Samples
from wattscan.tasks.chest_xray.anatomy import Stroke, trunk
from wattscan.tasks.chest_xray.findings import (
    FINDINGS,
    PREVALENCE,
    SEVERITY,
    add_findings,
    draw_signs,
    reshape,
)
from wattscan.tasks.chest_xray.geometry import SIZE, draw_chest, draw_grid
from wattscan.tasks.chest_xray.phantom import FRAME_SIZE, frame, render, samples
from wattscan.tasks.chest_xray.placing import Sign
from wattscan.tasks.chest_xray.projection import ATTENUATION, expose, ink

FEW, COUNT = 10, 150


@pytest.fixture(scope="module")
def few() -> Samples:
    return samples(count=FEW, seed=3)


@pytest.fixture(scope="module")
def drawn() -> Samples:
    return samples(count=COUNT, seed=3)


@cache
def healthy(seed: int) -> NDArray[np.float64]:
    return patient(seed)


def patient(seed: int, **severities: float) -> NDArray[np.float64]:
    """One patient, the same for the same seed, with findings of a severity on image right."""
    signs = {name: Sign(severity, 1) for name, severity in severities.items()}
    return render(np.random.default_rng(seed), signs).astype(float)


def test_the_findings_are_chest_xray14s_in_its_order() -> None:
    assert len(FINDINGS) == len(set(FINDINGS)) == 14
    assert FINDINGS[:3] == ("Atelectasis", "Cardiomegaly", "Effusion")
    assert FINDINGS[-2:] == ("Pleural_Thickening", "Hernia")
    assert set(SEVERITY) == set(FINDINGS)


def test_types_and_shapes(few: Samples) -> None:
    assert few.images.shape == (FEW, *FRAME_SIZE) == (FEW, 512, 512)
    assert few.truth.shape == (FEW, 14)
    assert few.images.dtype == few.truth.dtype == np.uint8
    assert set(np.unique(few.truth)) == {0, 1}


def test_a_longer_set_begins_with_the_shorter_one(few: Samples) -> None:
    again = samples(count=4, seed=3)
    np.testing.assert_array_equal(again.images, few.images[:4])
    np.testing.assert_array_equal(again.truth, few.truth[:4])
    image, truth = frame(3, 9)
    np.testing.assert_array_equal(image, few.images[9])
    np.testing.assert_array_equal(truth, few.truth[9])


def test_frames_of_other_seeds_and_indices_differ() -> None:
    frames = [frame(seed, index)[0] for seed in (3, 4) for index in (0, 1)]
    for i, one in enumerate(frames):
        for other in frames[i + 1 :]:
            assert np.mean(one != other) > 0.5


@pytest.mark.slow
def test_every_finding_is_about_as_frequent_as_it_should_be(drawn: Samples) -> None:
    rates = drawn.truth.mean(axis=0)
    error = np.sqrt(PREVALENCE * (1 - PREVALENCE) / COUNT)
    assert rates.min() > PREVALENCE - 3.3 * error
    # Company adds up to 3 in a hundred to some.
    assert rates.max() < PREVALENCE + 0.03 + 3.3 * error


def test_findings_come_alone_together_and_not_at_all() -> None:
    counts = np.array([len(draw_signs(np.random.default_rng([5, i]))) for i in range(600)])
    assert 1.8 < counts.mean() < 2.7
    assert 0.05 < np.mean(counts == 0) < 0.16
    assert np.mean(counts == 1) > 0.15
    assert np.mean(counts >= 3) > 0.2


def test_some_findings_keep_company() -> None:
    signs = [draw_signs(np.random.default_rng([6, i])) for i in range(1500)]
    effusion = np.array(["Effusion" in one for one in signs])
    edema = np.array(["Edema" in one for one in signs])
    assert effusion[edema].mean() > effusion[~edema].mean() + 0.03


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_changes_the_picture_more_the_graver_it_is(name: str) -> None:
    faint, grave = [], []
    for seed in (21, 22, 23):
        without = healthy(seed)
        faint.append(np.abs(patient(seed, **{name: SEVERITY[name][0]}) - without))
        grave.append(np.abs(patient(seed, **{name: 1.0}) - without))
    assert np.mean(grave) > 1.5 * np.mean(faint)
    # Where it shows most: a few gray levels at the least, and much when obvious.
    assert np.mean([change.max() for change in faint]) > 4
    assert np.mean([change.max() for change in grave]) > 20
    np.testing.assert_array_equal(without, patient(23))


@pytest.mark.parametrize("name", ["Mass", "Pneumothorax", "Pleural_Thickening", "Consolidation"])
def test_a_one_sided_finding_stays_on_its_side(name: str) -> None:
    rng = np.random.default_rng(8)
    scene = trunk(draw_grid(rng), draw_chest(rng), rng)
    before = scene.water.copy()
    add_findings(scene, {name: Sign(0.9, 1)}, np.random.default_rng(9))
    change = np.abs(scene.water - before)
    assert change[scene.grid.x > 0].sum() > 20 * change[scene.grid.x < 0].sum()
    assert change.max() > 0.5


def test_opacities_add_and_a_pneumothorax_takes_off() -> None:
    def added(name: str) -> float:
        rng = np.random.default_rng(8)
        scene = trunk(draw_grid(rng), draw_chest(rng), rng)
        before = float(scene.water.sum())
        sign = {name: Sign(0.9, -1)}
        add_findings(scene, sign, np.random.default_rng(9))
        return float(scene.water.sum()) - before

    for name in ("Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Consolidation"):
        assert added(name) > 1, name
    assert added("Pneumothorax") < -1


def test_findings_that_reshape_the_chest() -> None:
    chest = draw_chest(np.random.default_rng(4))
    assert chest.heart_ratio < 0.51
    assert reshape(chest, {"Cardiomegaly": Sign(0.1, 1)}).heart_ratio > 0.51
    trapped = reshape(chest, {"Emphysema": Sign(1.0, 1)})
    assert trapped.lung_density < 0.6 * chest.lung_density
    assert min(trapped.domes) > min(chest.domes) + 1
    collapsed = reshape(chest, {"Atelectasis": Sign(1.0, -1)})
    assert collapsed.domes[0] < chest.domes[0] - 1
    assert collapsed.domes[1] == chest.domes[1]


@pytest.mark.slow
def test_no_trivial_statistic_tells_a_finding(drawn: Samples, stats: Any) -> None:
    pixels = drawn.images.reshape(COUNT, -1)
    for statistic in (pixels.mean(axis=1), pixels.std(axis=1)):
        ranks = stats.rankdata(statistic)
        for column, name in enumerate(FINDINGS):
            present = drawn.truth[:, column] == 1
            positives = int(present.sum())
            above = ranks[present].sum() - positives * (positives + 1) / 2
            area = above / (positives * (COUNT - positives))
            assert 0.28 < area < 0.76, (name, area)


@pytest.mark.slow
def test_frames_use_the_gray_scale(drawn: Samples) -> None:
    assert 80 < drawn.images.mean() < 170
    assert drawn.images.std(axis=(1, 2)).min() > 25
    assert np.median(np.mean(drawn.images == 255, axis=(1, 2))) < 0.1


@pytest.mark.slow
def test_lungs_are_darker_than_the_mediastinum_and_the_belly(drawn: Samples) -> None:
    middle = drawn.images[:, 300:340, 240:272].mean(axis=(1, 2))
    belly = drawn.images[:, 450:490, 180:330].mean(axis=(1, 2))
    lungs = drawn.images[:, 200:260, 130:180].mean(axis=(1, 2))
    assert np.mean(lungs < middle) > 0.97
    assert np.mean(lungs < belly) > 0.97


def test_the_projection_is_logarithmic_and_noisier_behind_more() -> None:
    steps = np.linspace(4, 14, 8, dtype=np.float32)
    water = np.repeat(np.repeat(steps, SIZE // 8)[np.newaxis], SIZE, axis=0)
    shown = expose(water, np.random.default_rng(0)).astype(float)
    bars = shown.reshape(SIZE, 8, SIZE // 8)[100:400, :, 16:48]
    assert np.all(np.diff(bars.mean(axis=(0, 2))[1:-1]) > 5)
    # Photons are counted: behind 5 cm more, fewer are left, so the logarithm is noisier.
    ratio = bars[:, 5].std(axis=0).mean() / bars[:, 2].std(axis=0).mean()
    expected = np.exp(ATTENUATION * (steps[5] - steps[2]) / 2)
    assert 1.1 < ratio < 1.3 * expected


def test_ink_is_as_wide_and_as_dense_as_its_stroke() -> None:
    grid = draw_grid(np.random.default_rng(1))
    line = Stroke(np.array([[-5.0, 0.0], [5.0, 0.0]]), width=1.0, water=1.5)
    drawn = ink(grid, [line])
    assert drawn.max() == pytest.approx(1.5, abs=0.02)
    assert drawn.sum() / grid.scale**2 == pytest.approx(10 * 1.0 * 1.5, rel=0.1)
    assert not ink(grid, []).any()
