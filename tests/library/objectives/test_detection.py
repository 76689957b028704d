from __future__ import annotations

import pytest
import torch

from largemodels.models.yolo import Yolo, YoloConfig
from largemodels.objectives.detection import (
    average_precision,
    detections,
    judged,
    matches,
    mean_average_precision,
    missed_overlap,
    overlaps,
    squared_errors,
    suppressed,
    yolo_loss,
    yolo_targets,
)


def test_overlaps_by_hand() -> None:
    a = torch.tensor([[0.0, 0, 4, 2], [10, 10, 11, 11]])
    b = torch.tensor([[2.0, 0, 6, 2], [0, 0, 4, 2], [1, 1, 3, 2]])
    torch.testing.assert_close(overlaps(a, b), torch.tensor([[4 / 12, 1, 2 / 8], [0, 0, 0]]))


def test_suppression_keeps_the_best_and_what_is_apart() -> None:
    boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 3], [20, 0, 24, 4], [0, 0, 4, 2]])
    scores = torch.tensor([0.6, 0.9, 0.2, 0.5])
    assert suppressed(boxes, scores, 0.5).tolist() == [1, 2]
    assert suppressed(boxes, scores, 0.7).tolist() == [1, 3, 2]
    assert suppressed(boxes[:0], scores[:0]).tolist() == []


def test_a_suppressed_box_suppresses_nothing() -> None:
    boxes = torch.tensor([[0.0, 0, 4, 4], [1, 0, 5, 4], [2, 0, 6, 4]])  # overlaps 0.6, 0.6 and 1/3
    assert suppressed(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5).tolist() == [0, 2]


def test_detections_are_suppressed_within_their_class() -> None:
    boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 3]])
    scores = torch.tensor([[0.1, 0.8], [0.7, 0.6]])
    found, said, kinds = detections(boxes, scores, least=0.2)
    assert kinds.tolist() == [1, 0]
    torch.testing.assert_close(said, torch.tensor([0.8, 0.7]))
    assert len(detections(boxes, scores, least=0.0, limit=1)[0]) == 1
    assert found.tolist() == boxes.tolist()


def test_three_cells_are_responsible_and_their_aims_can_be_reached() -> None:
    boxes = [torch.tensor([[10.0, 2, 26, 12]]), torch.tensor([[0.0, 0, 3, 3]])]
    kinds = [torch.tensor([2]), torch.tensor([0])]
    places, aims, classes = yolo_targets(boxes, kinds, [(16.0, 16.0), (3.0, 3.0)], 8, (3, 5))
    # The first centre is (18, 7): column 2, left half, row 0, lower half. The second is in the corner.
    assert sorted(places.tolist()) == [[0, 0, 0, 1], [0, 0, 0, 2], [0, 0, 1, 2], [1, 1, 0, 0]]
    for place, aim, kind in zip(places.tolist(), aims.tolist(), classes.tolist(), strict=True):
        assert aim == boxes[place[0]][0].tolist() and kind == kinds[place[0]].item()


def test_the_smaller_of_two_things_wins_a_cell() -> None:
    boxes = [torch.tensor([[2.0, 2, 5, 5], [0.0, 0, 7, 7]])]
    _, aims, kinds = yolo_targets(boxes, [torch.tensor([1, 0])], [(4.0, 4.0)], 8, (1, 1))
    assert aims.tolist() == [[2, 2, 5, 5]] and kinds.tolist() == [1]


def test_pictures_without_things() -> None:
    targets = yolo_targets([torch.zeros(0, 4)], [torch.zeros(0, dtype=torch.long)], [(4.0, 4.0)], 8, (2, 3))
    raw = torch.zeros(1, 1, 2, 3, 7)
    loss = yolo_loss(raw, torch.zeros(1, 1, 2, 3, 4), targets)
    torch.testing.assert_close(loss, torch.tensor(0.5 * 6).log1p() * 0 + 3 * torch.tensor(2.0).log())


def test_box_losses_by_hand() -> None:
    a, b = torch.tensor([[0.0, 0, 4, 2]]), torch.tensor([[2.0, 0, 6, 2]])
    torch.testing.assert_close(missed_overlap(a, b), torch.tensor([1 - 4 / 12]))
    apart = torch.tensor([[6.0, 0, 10, 2]])
    torch.testing.assert_close(missed_overlap(a, apart), torch.tensor([1 + 4 / 20]))
    torch.testing.assert_close(missed_overlap(a, a), torch.zeros(1))
    larger = torch.tensor([[0.0, 0, 16, 2]])  # the centre is 6 pixels off, the width 4 times as large
    expected = (6 / 8) ** 2 + ((16 / 8) ** 0.5 - (4 / 8) ** 0.5) ** 2
    torch.testing.assert_close(squared_errors(larger, a), torch.tensor([expected]))


@pytest.mark.parametrize("box_loss", [missed_overlap, squared_errors])
def test_loss_falls_to_the_right_answer(box_loss) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    boxes, kinds = [torch.tensor([[9.0, 10, 35, 21]])], [torch.tensor([1])]
    model = Yolo(YoloConfig(n_classes=2, channels=(4, 8, 8), dilations=(1,), anchors=((20.0, 20.0),)))
    pictures = torch.rand(1, 3, 40, 56)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(150):
        raw = model(pictures)
        targets = yolo_targets(boxes, kinds, model.config.anchors, 8, (raw.shape[2], raw.shape[3]))
        optimizer.zero_grad()
        yolo_loss(raw, model.boxes(raw), targets, box_loss=box_loss).backward()
        optimizer.step()
    candidates, scores = model.candidates(pictures)  # in training mode, as it has learnt
    found, said, its = detections(candidates[0], scores[0])
    assert its[0] == 1 and said[0] > 0.5
    assert overlaps(found[:1], boxes[0])[0, 0] > 0.7


def test_each_true_box_is_found_once() -> None:
    truth = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 5]])
    said = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 4, 4]])
    right, found = matches(said, truth)
    assert right.tolist() == [True, True, False] and found.tolist() == [True, True]
    assert matches(said, truth[:0])[0].tolist() == [False] * 3
    assert matches(said[:0], truth)[1].tolist() == [False, False]


def test_weights_are_repetitions() -> None:
    torch.manual_seed(0)
    truth = [
        (20 * torch.rand(3, 2).repeat(1, 2) + torch.tensor([0, 0, 6, 6]), torch.tensor([0, 1, 1]))
        for _ in range(5)
    ]
    found = [(boxes + torch.rand(3, 4), torch.rand(3), torch.tensor([0, 1, 0])) for boxes, _ in truth]
    often = torch.tensor([2, 0, 1, 3, 0])
    twice = [[its[row] for row in range(5) for _ in range(often[row])] for its in (found, truth)]
    whole = mean_average_precision(judged(twice[0], twice[1], 2))  # type: ignore[arg-type]
    assert mean_average_precision(judged(found, truth, 2), often.numpy()) == pytest.approx(whole)
    assert 0 < whole < 1


def test_a_class_without_a_true_box_does_not_count() -> None:
    truth = [(torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([0]))]
    found = [(torch.tensor([[0.0, 0, 4, 4], [0, 0, 2, 2]]), torch.tensor([0.5, 0.9]), torch.tensor([0, 1]))]
    its = judged(found, truth, 2)
    assert average_precision(its[0]) == 1 and average_precision(its[1]) != average_precision(its[1])
    assert mean_average_precision(its) == 1
