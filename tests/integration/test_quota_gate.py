"""`run` does not begin what cannot end within the week's hours, by the runs that the team has finished."""

from __future__ import annotations

from pathlib import Path

import requests

from support.lab import Lab


def test_a_run_that_cannot_finish_is_refused_unless_told(tmp_path: Path) -> None:
    with Lab(tmp_path, people=("awa",)) as lab:
        awa = lab.join("awa")
        where = awa.kernel("gpu-lab", ["import time; time.sleep(2)"], enable_gpu=True)
        assert awa.sahel("run", where).code == 0
        low = {"name": "quota-low", "times": 0, "millis": 500}
        assert (
            requests.post(f"{lab.service.url}/admin/fault", auth=lab.service.owner, json=low, timeout=30).status_code
            == 200
        )
        refused = awa.sahel("run", where)
        assert (refused.code, lab.versions("gpu-lab")) == (3, 1), refused
        assert "by its one complete run: it cannot finish" in refused.err
        assert "sahel-nb run awa/gpu-lab --over-quota" in refused.err
        told = awa.sahel("run", where, "--over-quota")
        assert (told.code, lab.versions("gpu-lab")) == (0, 2), told
        shown = awa.sahel("quota")
        assert "GPU  30.0 h used, 0.0 h left of 30.0 h, anew on " in shown.out, shown
        assert "awa/gpu-lab  took " in shown.out
        assert "; 0 more fit" in shown.out
        plenty = {"name": "quota-low", "times": 0, "millis": 20 * 3_600_000}
        assert (
            requests.post(f"{lab.service.url}/admin/fault", auth=lab.service.owner, json=plenty, timeout=30).status_code
            == 200
        )
        assert "it took" not in awa.sahel("run", where, "--dry-run").err
