"""Writes embeddings.json: texts of ours, each with the vector that sentence-transformers gives it.

Run with the Python of the benchmark's environment (scripts/bench embed makes it):
    ~/.cache/job-market/bench-venv/bin/python tests/golden/make_embeddings.py MODEL_FOLDER
"""

import json
import pathlib
import sys

from sentence_transformers import SentenceTransformer

TEXTS = {
    "short": "Cook",
    "title": "Senior Software Engineer (Payments)",
    "accents": "Pâtissier für Frühschicht, señor cocinero, naïve café",
    "chinese": "会计 Accounts Executive 新加坡",
    "arabic": "مهندس معماري Architect",
    "emoji": "Barista ☕ weekend shifts 🎉",
    "html": "<p>Night-shift nurse &amp; carer</p><ul><li>ward rounds</li></ul>",
    "numbers": "Pay $3,500 - $4,200/mth, 5.5 days, AWS + VB, call 8am–6pm",
    "sentence": "Plans the weekly duty roster of the depot and keeps the drivers' hours within the rules.",
    "paragraph": (
        "Data Engineer. You will own the pipelines that bring sensor readings from our cold stores into the warehouse, "
        "watch over their quality, and answer for their cost. Our team works in Python and SQL on a managed cloud, "
        "ships every day, and writes down why it decided what it decided. You have run a scheduler in production, you "
        "can read a query plan, and you would rather delete a job than add one. We offer flexible hours near Lavender, "
        "a training budget, and a calm on-call rotation."
    ),
    "long": "Warehouse assistant. " + "Picks, packs and labels orders; counts stock; keeps the aisles clear. " * 30,
    "symbols": "C++/C# .NET dev -- R&D @ HQ (#01-23) ~ 50% WFH ***URGENT***",
}


def main() -> None:
    model = SentenceTransformer(sys.argv[1], device="cpu")
    assert model.max_seq_length == 256
    vectors = model.encode(list(TEXTS.values()), batch_size=1, normalize_embeddings=True)
    entries = [
        {"id": name, "text": text, "embedding": [round(float(x), 7) for x in vector]}
        for (name, text), vector in zip(TEXTS.items(), vectors)
    ]
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    pathlib.Path(__file__).with_name("embeddings.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


main()
