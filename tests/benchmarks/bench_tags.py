"""Posts tagged per second and core, end to end in one Python worker and in the engine, beside OpenCC alone.

    python -m tests.benchmarks.bench_tags WORLD [REPEAT]

WORLD is a folder that `nextbest simulate` wrote; its posts are taken REPEAT times. Times are CPU seconds of the
process, so that other work on the machine counts little; the engine's run is wall time on all cores.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import opencc
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from features.batches import map_batches
from features.tags.post_tags import JUDGED_POSTS, POST_COLUMNS, tag_posts
from features.tags.tagger import tagger_of
from jobs.lexicon_files import load_lexicon
from jobs.memory import peak_memory_gb
from jobs.session import Engine, SessionParams

ZONE = "Asia/Shanghai"


def main(world: Path, repeat: int = 3) -> None:
    """Prints a line per stage, and the ratio to OpenCC alone."""
    posts = ds.dataset(world / "sources" / "social_posts").to_table(columns=list(POST_COLUMNS))
    posts = pa.concat_tables([posts] * repeat).combine_chunks()
    texts = posts["text"].to_pylist()
    lexicon = load_lexicon()
    build = cpu(lambda: tagger_of(lexicon))
    print(f"{len(texts):,} posts of {sum(map(len, texts)) / len(texts):.0f} characters; tagger built in {build:.2f} s")
    convert = opencc.OpenCC("t2s").convert
    alone = cpu(lambda: [convert(t) for t in texts])
    line("OpenCC alone, each post", len(texts), alone, alone)
    tagger = tagger_of(lexicon)
    line("texts that may hold a word", len(texts), cpu(lambda: in_batches(texts, tagger.candidates)), alone)
    loud = {position for position, _ in tagger.candidates(texts)}
    quiet = [t for i, t in enumerate(texts) if i not in loud]
    line("the same, posts without any", len(quiet), cpu(lambda: in_batches(quiet, tagger.candidates)), alone)
    judge = tag_posts(lexicon, ZONE)

    def worker() -> int:
        batches: Iterator[pa.RecordBatch] = iter(posts.to_batches(max_chunksize=1024))
        return sum(t.num_rows for t in judge(batches))

    line("batches to rows, one worker", len(texts), cpu(worker), alone)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "posts.parquet"
        pq.write_table(posts.set_column(0, "post_id", pa.array([str(i) for i in range(len(posts))])), path)
        with Engine("embedded", SessionParams(), Path(folder)) as engine:
            df = engine.spark.read.parquet(str(path))
            start = time.perf_counter()
            rows = map_batches(df, judge, JUDGED_POSTS).count()
            wall = time.perf_counter() - start
    print(f"in the engine: {len(texts) / wall:,.0f} posts/s wall on all cores, {rows:,} rows")
    print(f"peak memory {peak_memory_gb():.2f} GB")


def in_batches(texts: list[str], function: Callable[[list[str]], object]) -> None:
    """As a worker gets them."""
    for start in range(0, len(texts), 1024):
        function(texts[start : start + 1024])


def cpu(function: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    function()
    return time.process_time() - start


def line(name: str, posts: int, seconds: float, alone: float) -> None:
    """One stage."""
    print(f"{name}: {posts / seconds:,.0f} posts/s per core, {seconds / alone:.2f} x OpenCC alone")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
