"""Formats the measurements of scripts/bench similar."""

from __future__ import annotations

import statistics


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, *rows)]
    return [lines[0], "|" + "---|" * len(header), *lines[1:], ""]


def load_row(ads: int, name: str, load: str, rounds: list[dict]) -> list[str]:
    """Formats the rounds of a load, sorted by stolen time."""
    rounds = sorted(rounds, key=lambda result: result["stolen_share"])

    def middle(name: str) -> float:
        return statistics.median(result[name] for result in rounds)

    def each(name: str, scale: float = 1) -> str:
        return " / ".join(f"{result[name] * scale:.1f}" for result in rounds)

    recall = f"{middle('recall'):.3f}" if "recall" in rounds[0] else "–"
    wrong = " / ".join(str(sum(result[name] for result in rounds)) for name in ("failed", "short"))
    cores = f"{middle('service_cores'):.2f} + {middle('load_cores'):.2f}"
    times = [f"{middle('p50_ms'):.1f}", each("p99_ms"), each("stolen_share", 100)]
    return [f"{ads:,}", name, load, f"{middle('per_second'):,.0f}", *times, recall, wrong, cores]


def loads(results: dict[int, dict]) -> list[str]:
    rows = []
    for ads, facts in results.items():
        rows.append(load_row(ads, "by job", "200 per second", facts["by_job"]))
        for share, result in facts["filters"].items():
            rows.append(load_row(ads, f"by job, filter {share}", "50 per second", result))
        rows.append(load_row(ads, "by job", "16 clients", facts["saturation"]))
        for name, result in facts["texts"].items():
            rows.append(load_row(ads, f"by text, {name}", "1 client", result))
        rows.append(load_row(ads, "by text, five words", "50 clients", facts["fifty"]))
    header = [
        "ads",
        "question",
        "load",
        "answers per second",
        "p50 ms",
        "p99 ms, by round",
        "stolen %, by round",
        "recall",
        "failed / short",
        "cores: service + load",
    ]
    return table(header, rows)


def indexes(results: dict[int, dict]) -> list[str]:
    rows = []
    for ads, facts in results.items():
        build, memory = facts["build"], facts["memory"]
        index, first = build["index"], facts["first_answer_ms"]
        rows.append(
            [
                f"{ads:,}",
                f"{build['wall_seconds']:.0f}",
                f"{build['cpu_seconds']:.0f}",
                f"{build['peak_memory_bytes'] / 1e6:,.0f} MB",
                f"{index['bytes'] / 1e6:,.0f} MB",
                f"{index['recall_at_10']:.4f}",
                f"{first['median']:.0f} / {first['most']:.0f}",
                f"{memory['RssAnon'] / 1e6:.0f} MB",
            ]
        )
    header = [
        "ads",
        "build seconds",
        "CPU seconds",
        "peak memory",
        "index",
        "recall@10",
        "start to first answer, median / most ms",
        "service's own memory",
    ]
    return table(header, rows)


def peers(results: dict[int, dict]) -> list[str]:
    rows = []
    for ads, facts in results.items():
        index = facts["build"]["index"]
        ours = [
            f"{index['build_seconds']:.0f} (whole build)",
            f"{index['bytes'] / 1e6:,.0f} MB",
            str(index.get("search_width") or "–"),
        ]
        rows.append(
            [
                f"{ads:,}",
                "ours",
                *ours,
                f"{index['recall_at_10']:.4f}",
                f"{index['search_p50_ms']:.2f}",
                f"{index['search_p99_ms']:.2f}",
            ]
        )
        for peer in facts.get("peers", []):
            cells = [f"{peer['build_seconds']:.0f}", f"{peer['bytes'] / 1e6:,.0f} MB", str(peer["width"])]
            rows.append(
                [
                    f"{ads:,}",
                    peer["peer"],
                    *cells,
                    f"{peer['recall_at_10']:.4f}",
                    f"{peer['p50_ms']:.2f}",
                    f"{peer['p99_ms']:.2f}",
                ]
            )
    return table(["ads", "library", "build seconds", "bytes", "search width", "recall@10", "p50 ms", "p99 ms"], rows)


def section(head: str, results: dict[int, dict]) -> str:
    market = next(reversed(results.values()))["market"]
    return "\n".join(
        [
            "## Similar jobs",
            "",
            head,
            "The ads are embedded ads and copies of them with changed vectors (scripts/bench_market.py). Similarity of the tenth",
            f"neighbour, percentiles 5, 25, 50, 75, 95: {market['tenth']}; among the {market['base_ads']:,} base ads",
            f"{market['tenth_of_base']}. The index is built from DuckDB and served by similar-jobs; the load",
            "generator runs on the same cores. At a rate per second, requests are sent at times drawn beforehand, and latency is",
            "counted from the time at which a request was due. Short: fewer results than exist. Answers have ten results with",
            "reasons. Stolen: the share of CPU time that the host gave to others while the machine had work (/proc/stat). Rounds",
            "are sorted by it; the other figures are medians of the rounds.",
            "",
            *loads(results),
            *indexes(results),
            "Searches alone, one at a time in one thread, without HTTP, reasons and filters. Ours is measured during the build, the",
            "peers through their Python packages (16 links, the narrowest width with recall 0.98).",
            "",
            *peers(results),
        ]
    )
