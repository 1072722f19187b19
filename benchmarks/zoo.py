"""Which of timm's networks the finder knows: every name is tried, with random weights.

    python -m benchmarks.zoo --max-params 10e6 --out docs/zoo.csv
    python -m benchmarks.zoo --page docs/zoo.md --out docs/zoo.csv
    python -m benchmarks.zoo --again --out docs/zoo.csv   # what was refused

Smallest first. A row is written as soon as it is known, so the same command continues
where it was stopped. A network that crashes its process costs one row. Input sides are
128 pixels where a network takes that, and its own otherwise.
"""

import argparse
import csv
import fnmatch
import re
import resource
import sys
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import timm
import torch

COLUMNS = (
    "name",
    "parameters",
    "side",
    "blocks",
    "classes",
    "look_alike",
    "answer",
    "notes",
)
# Modules of timm that make one gate per channel, by the names of their classes.
LIKE_SE = re.compile(
    r"SqueezeExcite|^SEModule|EffectiveSE|EcaModule|GatherExcite|"
    r"^GlobalContext$|ChannelAttn|Cbam|EseModule"
)
CONSTANT = re.compile(r"( \| )?the gates of \d+ of \d+ SE blocks are the same.*")
SMALL = 128
MEMORY = 7 * 2**30
TOO_LARGE = f"too large: two images need more than {MEMORY >> 30} GiB"


def main() -> None:
    args = parse_arguments()
    if args.page:
        args.page.write_text(page(read(args.out)), encoding="utf-8")
        return
    if args.again:
        keep(args.out, {"found", "none"})
    done = {row["name"] for row in read(args.out)}
    left = [
        (name, n)
        for name, n in by_size(args.names)
        if n <= args.max_params and name not in done
    ]
    print(f"{len(done):,} networks known, {len(left):,} to try", file=sys.stderr)
    for row in tried(left):
        write(args.out, row)
        print(row["name"], row["blocks"], row["answer"], file=sys.stderr)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", default="*", help="glob of timm's names")
    parser.add_argument("--max-params", type=float, default=45e6)
    parser.add_argument("--out", type=Path, default=Path("docs/zoo.csv"))
    parser.add_argument("--again", action="store_true", help="try refused ones again")
    parser.add_argument("--page", type=Path, help="only write the page from the table")
    return parser.parse_args()


def by_size(glob: str) -> list[tuple[str, int]]:
    """Names and numbers of parameters, smallest first; nothing is allocated."""
    sizes = {}
    for name in fnmatch.filter(timm.list_models(), glob):
        with torch.device("meta"):
            try:
                model = timm.create_model(name)
            except Exception:  # some look at values while they are built
                model = timm.create_model(name)
        sizes[name] = sum(p.numel() for p in model.parameters())
    return sorted(sizes.items(), key=lambda item: item[1])


def tried(names):
    """A row for each name; a process that dies is replaced."""
    pool = new_pool()
    for name, n_parameters in names:
        try:
            row = pool.submit(examine, name).result()
        except BrokenProcessPool:
            pool, row = new_pool(), {"answer": "crashed"}
        yield {"name": name, "parameters": n_parameters} | row
    pool.shutdown()


def new_pool() -> ProcessPoolExecutor:
    context = get_context("spawn")  # memory is given back with the process
    return ProcessPoolExecutor(
        1, mp_context=context, initializer=limit_memory, max_tasks_per_child=25
    )


def limit_memory() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, hard))


def examine(name: str) -> dict[str, object]:
    """What the finder says of a network."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    model = timm.create_model(name).eval()
    like = Counter(type(m).__name__ for m in model.modules())
    facts = {
        "look_alike": counted({k: n for k, n in like.items() if LIKE_SE.search(k)})
    }
    for side in sides(model):
        facts |= {"side": side} | answer(model, side)
        if facts["answer"] in {"found", "none"}:
            break
    return facts


def sides(model) -> list[int]:
    own = model.pretrained_cfg["input_size"][-1]
    is_fixed = model.pretrained_cfg.get("fixed_input_size", False)
    return [own] if is_fixed or own <= SMALL else [SMALL, own]


def answer(model, side: int) -> dict[str, object]:
    """Blocks, or the sentence that refuses."""
    from se_probe.blocks import examine_network
    from se_probe.errors import SEProbeError

    n_channels = model.pretrained_cfg["input_size"][0]
    try:
        found = examine_network(model, torch.randn(2, n_channels, side, side))
    except SEProbeError as error:
        sentence = " ".join(str(error).split())
        if "no SE blocks" not in sentence:
            return {"blocks": 0, "answer": f"refused: {sentence}"}
        _, _, why = sentence.partition("that can be recorded: ")
        return {"blocks": 0, "answer": "none", "notes": why}
    except Exception as error:  # what the sweep is for
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            return {"blocks": 0, "answer": TOO_LARGE}
        sentence = " ".join(str(error).split())
        return {"blocks": 0, "answer": f"error {type(error).__name__}: {sentence}"}
    modules = dict(model.named_modules())
    classes = Counter(type(modules[b.path]).__name__ for b in found.blocks)
    notes = " | ".join(" ".join(note.split()) for note in found.notes)
    return {
        "blocks": len(found.blocks),
        "classes": counted(classes),
        "answer": "found",
        "notes": notes,
    }


def counted(numbers) -> str:
    return " ".join(f"{name}:{n}" for name, n in sorted(numbers.items()))


def read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, row: dict[str, object]) -> None:
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def keep(path: Path, answers: set[str]) -> None:
    rows = [row for row in read(path) if row["answer"] in answers]
    path.unlink(missing_ok=True)
    for row in rows:
        write(path, row)


def page(rows: list[dict[str, str]]) -> str:
    """docs/zoo.md, from the table."""
    found = [row for row in rows if row["answer"] == "found"]
    n_blocks = sum(int(row["blocks"]) for row in found)
    n_none = sum(row["answer"] == "none" for row in rows)
    too_large = [row for row in rows if row["answer"] == TOO_LARGE]
    refused = [row for row in rows if row["answer"] not in {"found", "none", TOO_LARGE}]
    missed = [
        row
        for row in rows
        if row not in too_large and named(row) > int(row["blocks"] or 0)
    ]
    constant = [row for row in rows if CONSTANT.search(row["notes"])]
    noted = [row for row in rows if CONSTANT.sub("", row["notes"])]
    largest = max(int(row["parameters"]) for row in rows) / 1e6
    lines = [
        "# The networks of timm",
        "",
        f"timm {timm.__version__} has {len(timm.list_models()):,} names.",
        f"{len(rows):,} of them, those of up to {largest:.1f} million parameters,",
        "were tried with random weights:",
        "",
        f"**{len(found):,} networks with SE blocks, {n_blocks:,} blocks, each one",
        "proved**: its gates are computed from the feature map by learned layers, one",
        "per channel, and the block's output is input times gate.",
        "",
        f"{n_none:,} have none, {len(refused):,} were refused (below), and",
        f"{len(too_large):,} were left out, as two images of their side need more than",
        f"{MEMORY >> 30} GiB. The whole table is [zoo.csv](zoo.csv).",
        "",
        "```",
        "python -m benchmarks.zoo --out docs/zoo.csv",
        "python -m benchmarks.zoo --out docs/zoo.csv --page docs/zoo.md",
        "```",
        "",
        "## What the blocks are",
        "",
        "| class of the module | networks | blocks |",
        "| --- | --- | --- |",
        *class_rows(found),
        "",
        "Modules of such a class that are no blocks (a global context that is added",
        f"is no gate): {', '.join(names(missed)) or 'none'}.",
        "",
        "## Refused",
        "",
        *refused_rows(refused),
        "",
        "## With a note",
        "",
        "| network | blocks | note |",
        "| --- | --- | --- |",
        *(f"| `{r['name']}` | {r['blocks']} | {note(r)} |" for r in noted),
        "",
        f"In {len(constant)} networks some gates are the same for two images: random",
        "weights start at zero before them. zoo.csv says in which and how many.",
        "",
    ]
    return "\n".join(lines)


def named(row: dict[str, str]) -> int:
    """Modules that make one gate per channel, by the names of their classes."""
    return sum(int(part.split(":")[1]) for part in row["look_alike"].split())


def names(rows: list[dict[str, str]]) -> list[str]:
    return [f"`{row['name']}`" for row in rows]


def refused_rows(refused: list[dict[str, str]]) -> list[str]:
    if not refused:
        return ["None."]
    rows = [f"| `{row['name']}` | {cell(row['answer'])} |" for row in refused]
    return ["| network | why |", "| --- | --- |", *rows]


def class_rows(found: list[dict[str, str]]) -> list[str]:
    networks, blocks = Counter(), Counter()
    for row in found:
        for part in row["classes"].split():
            name, n = part.split(":")
            networks[name] += 1
            blocks[name] += int(n)
    return [f"| `{k}` | {n} | {blocks[k]} |" for k, n in networks.most_common()]


def note(row: dict[str, str]) -> str:
    return cell(CONSTANT.sub("", row["notes"]))


def cell(text: str) -> str:
    return text.replace("|", "; ").removeprefix("refused: ")


if __name__ == "__main__":
    main()
