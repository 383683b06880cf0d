"""The findings of the benchmarks as Markdown tables, and as targets met or missed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parent / "README.md"
BEGIN, END = "<!-- begin of the figures written by `{}` -->", "<!-- end of the figures -->"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table whose columns line up."""
    width = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    line = "| " + " | ".join("{:<%d}" % w for w in width) + " |"  # noqa: UP031
    return "\n".join([line.format(*head), line.format(*("-" * w for w in width)), *(line.format(*row) for row in rows)])


def targets(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each target with what was measured for it; only those whose part was run."""
    rows: list[tuple[str, float, str, float]] = []
    if "customer_week" in found:
        ratios, where = found["customer_week"][0]["ratios"], "amazon at maturity"
        rows.append((f"times plain Mesa, 2 threads, {where}", ratios["plain Mesa / ours, 2 threads"], ">=", 100))
        rows.append((f"times plain Mesa, 1 thread, {where}", ratios["plain Mesa / ours, 1 thread"], ">=", 60))
        if "ours, 1 thread / C" in ratios:
            rows.append((f"times C, 1 thread, {where}", ratios["ours, 1 thread / C"], "<=", 1.25))
    if "phases" in found:
        beside = found["phases"][0]["beside_over_loops"]
        rows.append(("everything beside the customer loops, over them", beside, "<=", 1))
    if "runs" in found:
        runs, many = found["runs"], found["runs"]["million"]
        rows.append(("loops per customer in a world ten times as large", many["loops_factor"], "<=", 1.5))
        rows.append(("bytes per customer", many["bytes_per_customer"], "<=", 300))
        rows.append(("tiny, warm, seconds", runs["tiny_seconds"]["median"], "<=", 0.15))
        if runs["amazon_seconds"]:
            rows.append(("amazon, seconds", runs["amazon_seconds"]["median"], "<=", 15))
        rows.append(("marketplace --help, seconds", runs["help_seconds"]["median"], "<=", 0.5))
    return judged(rows)


def sweep_targets(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each target of a sweep with what was measured for it."""
    through, asked = found["throughput"], found["store"]["ask"]["seconds"]
    rows = [
        (f"{found['command']['runs']:,} runs of tiny on two workers, seconds", found["command"]["seconds"], "<=", 90),
        ("runner and store over bare runs", through["runner_and_store_over_bare"], "<=", 1.1),
        ("two workers over one", through["two_workers_times_one"], ">=", 1.8),
        ("a band of the large store, seconds", max(asked["band"], asked["band_by_factor"]), "<=", 1),
    ]
    return judged(rows)


def judged(rows: list[tuple[str, float, str, float]]) -> list[dict[str, Any]]:
    """Return targets, given as what, value, ``<=`` or ``>=``, and bound, as met or missed."""
    return [
        {
            "what": what,
            "measured": value,
            "target": f"{sign} {bound:g}",
            "met": value >= bound if sign == ">=" else value <= bound,
        }
        for what, value, sign, bound in rows
    ]


def target_table(targets: list[dict[str, Any]]) -> str:
    """Return the table of targets met and missed."""
    rows = [[t["what"], f"{t['measured']:.3g}", t["target"], "yes" if t["met"] else "**no**"] for t in targets]
    return table(["what", "measured", "target", "met"], rows)


def measured_where(here: dict[str, Any]) -> str:
    """Say in a sentence when, at what commit and on what machine figures were measured."""
    return (
        f"Measured {here['time']} at commit {here['commit']}: {here['processor']}, {here['cores']} cores, load average "
        f"{here['load_average_at_start']:.1f} at the start; Python {here['python']}, Mesa {here['mesa']}, "
        f"numba {here['numba']}, {here['gcc']}."
    )


def sweep_report(found: dict[str, Any]) -> str:
    """Return what sweeps cost as Markdown."""
    through, store = found["throughput"], found["store"]
    seconds, cpu = through["seconds_a_run"], through["processor_seconds_a_run"]
    names = {"bare, in one process": "bare", "one worker": "one_worker", "two workers": "two_workers"}
    rows = [[label, f"{seconds[name]:.3f}", f"{cpu[name]:.3f}"] for label, name in names.items()]
    wrote, asked = store["write"], store["ask"]["seconds"]
    parts = [
        measured_where(found["circumstances"]),
        target_table(sweep_targets(found)),
        f"Seconds a run of `tiny`, medians over {through['runs']:,} runs of each, in turns:\n\n"
        + table(["how", "wall", "processor"], rows),
        f"The large store: {store['runs']:,} runs of {store['weeks']} weeks and {store['indicators']} indicators, "
        f"written in {wrote['seconds']:.0f} s ({wrote['megabytes']:,.0f} MB, peak of {wrote['peak_megabytes']:.0f} MB "
        f"of memory); a band over all runs takes {asked['band']:.2f} s, a band for each of its points "
        f"{asked['band_by_factor']:.2f} s, the table of all runs {asked['summary']:.2f} s.",
    ]
    return "\n\n".join(parts)


def report(found: dict[str, Any]) -> str:
    """Return all findings as Markdown."""
    parts = [
        f"{measured_where(found['circumstances'])}\n"
        f"`amazon` at maturity: {found['amazon_at_maturity']['active']:.1%} of the customers active, "
        f"{found['amazon_at_maturity']['visiting']:.1%} searching in a week."
    ]
    if found["targets"]:
        parts.append("### Targets\n\n" + target_table(found["targets"]))
    if "customer_week" in found:
        parts.append(week_tables(found["customer_week"]))
    if "phases" in found:
        parts.append(phase_table(found["phases"]))
    if "runs" in found:
        parts.append(run_table(found["runs"]))
    return "\n\n".join(parts)


def week_tables(worlds: list[dict[str, Any]]) -> str:
    """Return the tables of the customer's week four ways."""
    first = worlds[0]
    bits = {True: "the same", False: "**differ**", None: "no gcc"}
    rows = []
    for world in worlds:
        for clock, key in (("wall", "ratios"), ("busiest thread", "ratios_of_the_busiest_thread")):
            r = world[key]
            rows.append([
                world["label"], f"{world['active_share']:.1%}", f"{world['visiting']['ours']:.1%}", clock,
                f"{r['plain Mesa / ours, 1 thread']:.1f}", f"{r['plain Mesa / ours, 2 threads']:.1f}",
                f"{r['ours, 1 thread / C']:.2f}" if "ours, 1 thread / C" in r else "no gcc",
                bits[world.get("same_bits_as_c_without_fused_multiply_add")],
                str(world.get("customers_that_differ_from_c_with_it", "no gcc")),
            ])  # fmt: skip
    head = ["world", "active", "visiting", "clock",
            "Mesa / 1 thread", "Mesa / 2 threads", "1 thread / C", "bits", "differ"]  # fmt: skip
    return (
        f"### The customer's week\n\n{first['customers']:,} customers, {first['sellers']:,} sellers, "
        f"{first['offers_on_the_shelf']:,} offers on the shelf; {first['rounds']} weeks each, in turn.\n\n"
        "Ratios of medians; `bits` compares every column with C compiled without fused multiply-add, `differ` counts "
        "the customers whose choices differ from C with it:\n\n"
        + table(head, rows)
        + "\n\nNanoseconds per customer and week:\n\n"
        + cost_table(worlds)
    )


def cost_table(worlds: list[dict[str, Any]]) -> str:
    """Return the table of what a customer's week costs in each implementation."""
    rows = []
    for world in worlds:
        for name, ns in world["nanoseconds"].items():
            busiest = world["nanoseconds_of_the_busiest_thread"][name]
            rows.append([
                world["label"], name, f"{ns['median']:.1f}", f"{ns['quartile_1']:.1f}-{ns['quartile_3']:.1f}",
                f"{ns['minimum']:.1f}", f"{busiest['median']:.1f}",
                f"{busiest['quartile_1']:.1f}-{busiest['quartile_3']:.1f}",
            ])  # fmt: skip
    head = ["world", "implementation", "median", "quartiles", "minimum", "busiest thread", "quartiles"]
    return table(head, rows)


def phase_table(profiles: list[dict[str, Any]]) -> str:
    """Return the table of a week by phase; the customer loops stand below the phases they are part of."""
    head = ["milliseconds a week", *(p["label"] for p in profiles)]
    rows = [[name, *(f"{p['phases'][name]['milliseconds']:.2f} ({p['phases'][name]['share']:.0%})" for p in profiles)]
            for name in profiles[0]["phases"]]  # fmt: skip
    rows.append(["the whole week", *(f"{p['milliseconds_a_week']:.2f}" for p in profiles)])
    rows += [[f"of it the loop `{name}`", *(f"{p['customer_loops'][name]:.2f}" for p in profiles)]
             for name in profiles[0]["customer_loops"]]  # fmt: skip
    rows.append(["the customer loops", *(f"{p['loops']:.2f}" for p in profiles)])
    rows.append(["everything beside them", *(f"{p['beside']:.2f}" for p in profiles)])
    rows.append(["beside over loops", *(f"{p['beside_over_loops']:.2f}" for p in profiles)])
    return "### By phase\n\nMeans over the weeks profiled, on all cores.\n\n" + table(head, rows)


def run_table(runs: dict[str, Any]) -> str:
    """Return the table of whole runs."""
    many = runs["million"]
    rows = [
        [what, f"{s['median']:.3f} s", f"{s['minimum']:.3f}-{s['maximum']:.3f} s, {s['runs']} runs"]
        for what, s in (
            ("`tiny`, made and run in a warm process", runs["tiny_seconds"]),
            ("`amazon`, made and run", runs["amazon_seconds"]),
            ("`marketplace --help`", runs["help_seconds"]),
        )
        if s
    ]
    few, large = many["small"], many["large"]
    for what, key in (("the customer loops", "loops"), ("the whole week", "week")):
        a, b = (part[f"{key}_nanoseconds_per_customer"] for part in (few, large))
        rows.append([
            f"{what}, {large['customers']:,} customers", f"{b:.0f} ns per customer",
            f"{many[f'{key}_factor']:.2f} times the {a:.0f} ns at {few['customers']:,}",
        ])  # fmt: skip
    rows.append([
        "memory, network included", f"{many['bytes_per_customer']:.0f} bytes per customer",
        f"peaks of {few['peak_bytes'] / 1e6:.0f} and {large['peak_bytes'] / 1e6:.0f} MB",
    ])  # fmt: skip
    return "### Whole runs\n\n" + table(["what", "median", "spread"], rows)


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def write_section(path: Path, text: str, command: str) -> None:
    """Put the figures that a command has found between their two marks.

    Raises
    ------
    ValueError
        If the file does not hold the marks.
    """
    page = path.read_text(encoding="utf-8")
    begin = BEGIN.format(command)
    before, _, rest = page.partition(begin)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{path} lacks the marks between which the figures stand: {begin!r} and {END!r}.")
    write_whole(path, f"{before}{begin}\n\n{text}\n\n{END}{after}")
