"""What Prometheus is told: the queue, steps, stages' times, errors, answers; no prompts, and of clients no more than
the names of keys, to who may see everybody's orders."""

from __future__ import annotations

from collections import Counter as TallyOf
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ...dispatch.pool import Pool
from ...fairness.clients import key_of_client
from ...words.events import Finished
from ...words.moderation import ModerationVerdict
from .devices import DeviceStatus, devices_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)

_OF_DEVICE: tuple[tuple[str, str, Callable[[DeviceStatus], float]], ...] = (
    ("ready", "Whether a device takes jobs", lambda device: device.state == "ready"),
    ("jobs", "Pictures that a device holds", lambda device: device.running),
    ("models", "Models that are loaded on a device", lambda device: device.models),
    ("model_bytes", "What these take there", lambda device: device.size),
)


class Metrics:
    """One server's counters."""

    def __init__(self, pool: Pool) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_OfPool(pool))
        self._of_keys = CollectorRegistry()
        self._of_keys.register(_OfKeys(pool))
        self._stages = Histogram(
            "imagine_stage_seconds", "Seconds a picture spent in a stage", ["stage"],
            buckets=_BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._loads = Counter("imagine_model_loads", "Models loaded for a picture", registry=self._registry)
        self._answers = Counter(
            "imagine_http_responses", "Answers, by route and status", ["route", "status"], registry=self._registry
        )
        self._verdicts = Counter(
            "imagine_moderation", "Prompts and pictures that moderation warned of or blocked",
            ["action", "stage", "rule"], registry=self._registry,
        )  # fmt: skip
        self._assisted = Histogram(
            "imagine_assistant_seconds", "Seconds that the assistant took for a stage of a plan", ["stage", "outcome"],
            buckets=_BUCKETS, registry=self._registry,
        )  # fmt: skip

    def assisted(self, stage: str, seconds: float, outcome: str) -> None:
        """The assistant was asked for something, or for a whole plan, and how that ended."""
        self._assisted.labels(stage, outcome).observe(seconds)

    def judged(self, verdict: ModerationVerdict) -> None:
        """Moderation warned or blocked."""
        self._verdicts.labels(verdict.action, verdict.stage, verdict.rule).inc()

    def answered(self, route: str, status: int) -> None:
        """An answer was sent; `route` is its pattern, never what a client wrote."""
        self._answers.labels(route, str(status)).inc()

    def finished(self, event: Finished) -> None:
        """A picture is done."""
        for stage, seconds in event.timings.items():
            self._stages.labels(stage).observe(seconds)
        if event.timings.get("loading"):
            self._loads.inc()

    def text(self, *, by_key: bool = False) -> bytes:
        """All of it, in Prometheus's format; what is a key's, only `by_key`."""
        return generate_latest(self._registry) + (generate_latest(self._of_keys) if by_key else b"")


class _OfKeys(Collector):
    """What is made for each key with a name, and what waits for it, read when asked for."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def collect(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily("imagine_key_jobs", "Pictures of a key that wait or run", labels=["key", "state"])
        standing = TallyOf(
            (name, "queued" if job.worker is None else "running")
            for job in self._pool.jobs
            if (name := key_of_client(job.submit.client)) is not None
        )
        for labels, count in sorted(standing.items()):
            jobs.add_metric(labels, count)
        pictures = CounterMetricFamily("imagine_key_pictures", "Pictures made for a key", labels=["key"])
        for client, count in sorted(self._pool.counts.made.items()):
            pictures.add_metric([client], count)
        yield jobs
        yield pictures


class _OfPool(Collector):
    """What the pool counts itself, read when asked for."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def collect(self) -> Iterator[Metric]:
        pool, counts = self._pool, self._pool.counts
        yield GaugeMetricFamily("imagine_queue_jobs", "Pictures that wait", value=pool.waiting)
        yield GaugeMetricFamily("imagine_running_jobs", "Pictures that workers hold", value=pool.running)
        yield GaugeMetricFamily("imagine_workers_ready", "Workers that take jobs", value=len(pool.ready))
        loaded = sum(len(stats.models) for stats in pool.stats)
        yield GaugeMetricFamily("imagine_loaded_models", "Models that are loaded", value=loaded)
        yield CounterMetricFamily("imagine_worker_restarts", "Times a worker was started again", value=pool.restarts)
        yield from self._by_device()
        yield CounterMetricFamily("imagine_steps", "Denoising steps done", value=counts.steps)
        yield CounterMetricFamily("imagine_pictures", "Pictures made", value=counts.finished)
        yield CounterMetricFamily("imagine_refused_jobs", "Jobs the full queue refused", value=counts.refused)
        failed = CounterMetricFamily("imagine_failed_jobs", "Jobs without a picture, by error", labels=["error"])
        for error, count in counts.failed.items():
            failed.add_metric([error], count)
        yield failed

    def _by_device(self) -> Iterator[Metric]:
        """As above, of each device by itself."""
        devices = devices_of(self._pool)
        for name, about, value in _OF_DEVICE:
            gauge = GaugeMetricFamily(f"imagine_device_{name}", about, labels=["device"])
            for device in devices:
                gauge.add_metric([device.place], float(value(device)))
            yield gauge
        again = CounterMetricFamily(
            "imagine_device_restarts", "Times a device's worker was started again", labels=["device"]
        )
        for device in devices:
            again.add_metric([device.place], device.restarts)
        yield again
