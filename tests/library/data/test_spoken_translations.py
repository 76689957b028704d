from __future__ import annotations

from largemodels.data.spoken_translations import french_words, spoken_pairs, written_pairs
from largemodels.text.neighbours import Neighbours
from tests.library.data.installed import installed


def test_french_words() -> None:
    said = french_words("...pour réessayer, appuyez sur 1 ou #; aujourd’hui : l'étoile (*).")
    assert said == "pour réessayer appuyez sur 1 ou dièse aujourd'hui l'étoile étoile"


def test_parts() -> None:
    installed("prompts-en", "prompts-en-texts", "prompts-fr", "prompts-fr-texts")
    parts = spoken_pairs()
    assert {name: len(its) for name, its in parts.items()} == {"train": 360, "validation": 56, "test": 80}
    groups = [{it.group for it in its} for its in parts.values()]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    one = next(it for it in parts["test"] if it.key == "demo-echodone")
    assert one.english == "the echo test has been completed"
    assert one.french == "le test d'écho est maintenant terminé"
    assert len(one.sound) > 8_000 and len(one.french_sound) > 8_000
    assert all(it.english and it.french for its in parts.values() for it in its)


def test_messages_resemble_no_test() -> None:
    installed("prompts-en", "prompts-en-texts", "prompts-fr", "prompts-fr-texts", "libreoffice-fr")
    kept = [*spoken_pairs()["validation"], *spoken_pairs()["test"]]
    pairs = written_pairs(kept)
    assert len(pairs) == 14_902
    index = Neighbours([a for a, _ in pairs])
    assert max(index.similarities(it.english).max() for it in kept) <= 0.5
    assert not {b for _, b in pairs} & {it.french for it in kept}
