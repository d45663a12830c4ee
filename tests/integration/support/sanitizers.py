"""What sanitizers say of the processes that a test started, also of those that it killed. With the release preset there is
nothing to say."""

import os
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp(prefix="volley-sanitizers-"))

# A report goes to a file, for a test may fill or close standard error. LeakSanitizer runs where a process ends by itself.
common = f"log_path={folder}/report:exitcode=66"
os.environ["ASAN_OPTIONS"] = f"{common}:detect_leaks=1:allocator_may_return_null=1"
os.environ["UBSAN_OPTIONS"] = f"{common}:print_stacktrace=1"
os.environ["TSAN_OPTIONS"] = f"{common}:halt_on_error=0"


def take_reports():
    """The reports since the last call."""
    reports = []
    for file in sorted(folder.glob("report*")):
        reports.append(file.read_text(errors="replace"))
        file.unlink()
    return reports
