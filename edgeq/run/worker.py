"""The worker: runs ``.tflite`` models for a client that talks to it over two pipes.

One file that needs only Python 3.9, numpy and ai-edge-litert, so that it runs unchanged on a
board. A frame on standard input or output is a little-endian uint32, a JSON header of that many
bytes, then the raw bytes of the arrays in ``header["blobs"]`` (``dtype``, ``shape``). A request
names its ``op``. Its answer has ``kind`` ``result`` or ``error``, after any number of ``progress``.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import platform
import resource
import select
import struct
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

if __name__ == "__main__":  # before numpy, whose own threads would cost memory and time
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
with suppress(ImportError):  # reported in the answer to hello, where the client can read it
    import numpy as np

PROTOCOL, PROGRESS_S, GRACE_S = 6, 1.0, 5.0
EACH, THEN_EVERY = 24, 8
REAL_TYPES, REAL_KINDS = ("float32", "float16", "int8", "uint8", "int16"), "febBh"
LARGE = "/var/tmp"  # noqa: S108 - on a disk, while /tmp is memory on many boards
CPUINFO, CPUFREQ = Path("/proc/cpuinfo"), Path("/sys/devices/system/cpu/cpu0/cpufreq")
RESOLVERS = {"xnnpack": "AUTO", "reference": "BUILTIN_REF"}
RESOLVERS["builtin"] = "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
Json = dict[str, Any]
Arrays = Sequence[Any]
Frame = tuple[Json, Arrays]


def read_frame(stream: BinaryIO) -> Frame | None:
    """Return the next frame, or None at the end of the stream."""
    start = stream.read(4)
    if len(start) < 4:
        return None
    header, blobs = json.loads(stream.read(struct.unpack("<I", start)[0])), list[Any]()
    for blob in header["blobs"]:
        kind, shape = np.dtype(blob["dtype"]), blob["shape"]
        data = stream.read(int(np.prod(shape, dtype=np.int64)) * kind.itemsize)
        blobs.append(np.frombuffer(data, kind).reshape(shape))
    return header, blobs


def write_frame(stream: BinaryIO, header: Json, blobs: Arrays = ()) -> None:
    """Write one frame."""
    facts = [{"dtype": blob.dtype.name, "shape": blob.shape} for blob in blobs]
    text = json.dumps({**header, "blobs": facts}, allow_nan=False).encode()
    stream.write(struct.pack("<I", len(text)) + text)
    stream.writelines(blob.tobytes() for blob in blobs)
    stream.flush()


def quantize(values: Any, dtype: str, scale: float, zero_point: int) -> Any:
    """Return values in a tensor's own type, those out of its range at its ends.

    Computes ``round(value * (1 / scale)) + zero_point`` in float32, with halves to even, like
    XNNPACK and the optimized kernels (LiteRT 2.3; the reference kernel differs). Scale 0 means not
    quantized.
    """
    if np.dtype(dtype).kind == "f":
        with np.errstate(over="ignore"):
            return np.asarray(values).astype(dtype)
    ends = np.iinfo(dtype)
    per_step = np.float32(1) / np.float32(scale or 1.0)
    steps = np.rint(np.asarray(values, np.float32) * per_step) + zero_point
    return np.clip(np.nan_to_num(steps, nan=zero_point), ends.min, ends.max).astype(dtype)


def dequantize(values: Any, scale: float, zero_point: int) -> Any:
    """Return the real values of a tensor of ``REAL_TYPES`` as float32; others unchanged."""
    kind = values.dtype.char
    if kind not in REAL_KINDS or (not scale and kind == "f"):
        return values
    real = np.subtract(values, np.float32(zero_point), dtype=np.float32)
    real *= np.float32(scale or 1.0)
    return real


def luma(pixels: Any) -> Any:
    """Return the luma (m, h, w, 1) of RGB pixels, by ITU-R BT.601 and rounded as Pillow does."""
    weighted = pixels.astype(np.uint32) @ np.array([[19595], [38470], [7471]], np.uint32)
    return ((weighted + 32768) >> 16).astype(np.uint8)


def sampled(values: Any, count: int) -> Any:
    """Return a tensor's smallest and largest value and ``count`` evenly spread ones, ``(1, n)``.

    If there are no more than ``count`` values, all of them. Steps of the golden ratio cover all
    channels equally.
    """
    flat = values.ravel()
    places = np.arange(count) * 0.6180339887498949 % 1 * flat.size
    part = flat if flat.size <= count else flat[places.astype(np.intp)]
    ends = [flat.min(), flat.max()] if flat.size else []
    return np.concatenate([np.asarray(ends, values.dtype), part])[None]


def tensor_facts(detail: Json) -> Json:
    """Return the facts about an input or output; quantization is (0, 0) if it is not quantized."""
    scales, zeros = (detail["quantization_parameters"][k] for k in ("scales", "zero_points"))
    facts: Json = {"shape": detail["shape"].tolist(), "channels": len(scales)}
    facts.update(name=detail["name"], index=detail["index"])
    pair = [float(scales[0]), int([*zeros, 0][0])] if len(scales) else [0.0, 0]
    if not np.isfinite(pair[0]):
        raise ValueError(f"the scale of {detail['name']!r} is {pair[0]}")
    return {**facts, "dtype": np.dtype(detail["dtype"]).name, "quantization": pair}


def text_of(path: Path) -> str:
    """Return the text of a system file, or an empty string if it can't be read."""
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text("utf-8").replace("\0", "").strip()
    return ""


def cpuinfo() -> str:
    """Return the rows of /proc/cpuinfo that name and describe each kind of core, and the board.

    ``edgeq.run.processors`` reads those that begin with these letters.
    """
    cores = text_of(CPUINFO).split("\n\n")
    return "\n\n".join(
        {"\n".join(row for row in core.split("\n") if row[:1] in "mMHFfC"): 0 for core in cores}
    )


class Gauge:
    """Reads the memory of this process, within some 10 microseconds."""

    def __init__(self) -> None:
        self.statm, self.mallinfo, self.page = -1, None, os.sysconf("SC_PAGE_SIZE")
        with suppress(OSError):
            self.statm = os.open("/proc/self/statm", os.O_RDONLY)
        with suppress(ImportError, AttributeError, OSError):  # glibc 2.33 or later
            import ctypes

            fields = [("sizes", ctypes.c_size_t * 10)]
            libc: Any = ctypes.CDLL(None)
            libc.gnu_get_libc_version, self.mallinfo = libc.gnu_get_libc_version, libc.mallinfo2
            libc.mallinfo2.restype = type("Mallinfo2", (ctypes.Structure,), {"_fields_": fields})

    def read(self) -> tuple[int, int]:
        """Return bytes handed out by malloc, and private resident bytes; -1 means unknown."""
        allocated = resident = -1
        if self.mallinfo is not None:
            sizes = self.mallinfo().sizes
            allocated = sizes[4] + sizes[7]  # hblkhd: mapped chunks, uordblks: chunks of the heap
        if self.statm >= 0:
            pages = os.pread(self.statm, 256, 0).split()
            resident = (int(pages[1]) - int(pages[2])) * self.page
        return allocated, resident


class Model:
    """A model that the runtime accepted; open dimensions are pinned, the batch to 1."""

    def __init__(self, source: Json, request: Json):
        from ai_edge_litert import interpreter as litert

        kernels = getattr(litert.OpResolverType, RESOLVERS[request["kernels"]])
        options = {"num_threads": request["threads"], "experimental_op_resolver_type": kernels}
        start = time.perf_counter()
        self.interpreter = litert.Interpreter(**options, **source)
        self._allocate(start, request["input_size"])

    def _allocate(self, start: float, input_size: Sequence[int]) -> None:
        """Pin open dimensions of the interpreter's model, allocate, and note its facts."""
        for detail in self.interpreter.get_input_details():
            shape, sizes = detail["shape_signature"].tolist(), iter(input_size)
            pinned = [n if n >= 0 else next(sizes, 1) if at else 1 for at, n in enumerate(shape)]
            if pinned != shape:
                self.interpreter.resize_tensor_input(detail["index"], pinned)
        self.interpreter.allocate_tensors()
        self.init_s, self.first_s = time.perf_counter() - start, -1.0
        self.invoked = 0
        self.inputs = [tensor_facts(detail) for detail in self.interpreter.get_input_details()]
        self.outputs = [tensor_facts(detail) for detail in self.interpreter.get_output_details()]
        batches = [entry["shape"][0] for entry in self.inputs if len(entry["shape"]) > 1]
        self.batch: int = [*batches, 1][0]  # an input of one dimension has no batch

    def invoke(self) -> float:
        """Run the model once and return the time in seconds.

        Samples are independent, while a recurrent layer keeps its state until it is reset.
        """
        self.interpreter.reset_all_variables()
        start = time.perf_counter()
        self.interpreter.invoke()
        seconds = time.perf_counter() - start
        self.first_s = seconds if self.first_s < 0 else self.first_s
        self.invoked += 1
        return seconds

    def feeder(self, preprocessing: Json, samples: Any) -> Callable[[Any], None]:
        """Return a function that feeds samples like these.

        They are pixels (m, h, w, 3), or rows (m, d), each with the values of all inputs.
        """
        return self.row_feeder() if samples.ndim == 2 else self.pixel_feeder(preprocessing)

    def row_feeder(self) -> Callable[[Any], None]:
        """Return a function that feeds real values (m, d), quantized as each input is."""
        sizes = [np.prod(tensor["shape"], dtype=np.int64) // self.batch for tensor in self.inputs]
        ends = np.cumsum(sizes)[:-1]

        def feed(rows: Any) -> None:
            rows = np.concatenate([rows, np.repeat(rows[-1:], self.batch - len(rows), axis=0)])
            for tensor, part in zip(self.inputs, np.split(rows, ends, axis=1)):  # noqa: B905
                values = part
                if tensor["dtype"] in REAL_TYPES:
                    values = quantize(part, tensor["dtype"], *tensor["quantization"])
                values = values.astype(tensor["dtype"]).reshape(tensor["shape"])
                self.interpreter.set_tensor(tensor["index"], values)

        return feed

    def pixel_feeder(self, preprocessing: Json) -> Callable[[Any], None]:
        """Return a function that feeds pixels (m, h, w, 3); an input of one channel their luma."""
        tensor = self.inputs[0]
        mean, std = (np.asarray(preprocessing[key], np.float32) for key in ("mean", "std"))
        real = (np.arange(256, dtype=np.float32)[:, None] - mean) / std  # for every pixel value
        table = quantize(real, tensor["dtype"], *tensor["quantization"])
        values = np.empty(tensor["shape"], table.dtype)
        images = values if values.shape[3] in {1, 3} else values.transpose(0, 2, 3, 1)
        grey = images.shape[3] == 1
        step = -1 if preprocessing["channels"] == "bgr" else 1
        tables = table.T.copy()  # contiguous per channel, which makes lookups fast
        alike = len({*zip(mean.tolist(), std.tolist())}) == 1  # noqa: B905
        summed = alike and (grey or step == 1) and table.dtype == np.float32
        translated = alike and images is values and table.itemsize == 1
        stored, steps = values.view(np.uint8), tables[0].view(np.uint8)
        shifted = translated and np.array_equal(steps - steps[0], np.arange(256))

        def feed(pixels: Any) -> None:
            count = len(pixels)
            if grey:
                pixels = luma(pixels)
            if summed:  # the sums of the table, which are quicker done than looked up
                np.subtract(pixels, mean[0], out=images[:count])
                if std[0] != 1:
                    np.divide(images[:count], std[0], out=images[:count])
            elif shifted:  # adding bytes is much faster than looking them up
                np.add(pixels[..., ::step], steps[0], out=stored[:count])
            elif translated:  # translating bytes is faster than looking them up, too
                looked_up = pixels[..., ::step].tobytes().translate(tables[0].tobytes())
                values[:count] = np.frombuffer(looked_up, table.dtype).reshape(pixels.shape)
            else:
                for place, channel in enumerate(range(pixels.shape[3])[::step]):
                    images[:count, ..., place] = tables[channel].take(pixels[..., channel])
            if count < len(values):
                values[count:] = values[count - 1]
            self.interpreter.set_tensor(tensor["index"], values)

        return feed

    def answers(self) -> list[Any]:
        """Return the outputs, as real values if their type has them."""
        return self.real(self.tensors())

    def tensors(self) -> list[Any]:
        """Return the outputs in their own types."""
        return [self.interpreter.get_tensor(tensor["index"]) for tensor in self.outputs]

    def real(self, outputs: Sequence[Any]) -> list[Any]:
        """Return outputs, of any number of inferences, as real values if their types have them."""
        pairs = zip(outputs, self.outputs)  # noqa: B905
        return [dequantize(values, *tensor["quantization"]) for values, tensor in pairs]


class Worker:
    """Answers requests: ``op_NAME`` takes a request's header and arrays and returns an answer's."""

    def __init__(self, stdout: BinaryIO):
        self.stdout, self.told, self.last = stdout, 0.0, -1
        self.models: dict[int, Model] = {}
        self.received: Any = None
        self.gauge = Gauge()

    def progress(self, done: int) -> None:
        """Tell the client once a second that the work is making progress."""
        if done > self.last and time.perf_counter() - self.told > PROGRESS_S:
            write_frame(self.stdout, {"kind": "progress", "done": done})
            self.told, self.last = time.perf_counter(), done

    def op_hello(self, request: Json, _: Arrays) -> Frame:
        """Report versions, and make mallocs beyond the memory limit fail from now on."""
        import ai_edge_litert.interpreter

        gc.freeze()  # imported objects stay, so that collecting is quick
        versions = {"ai-edge-litert": ai_edge_litert.__version__, "numpy": np.__version__}
        versions.update(python=platform.python_version(), machine=platform.machine())
        if request["memory_limit"]:
            hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
            resource.setrlimit(resource.RLIMIT_DATA, (request["memory_limit"], hard))
        facts = {"protocol": PROTOCOL, "cpus": os.cpu_count(), "cpuinfo": cpuinfo()}
        facts["governor"] = text_of(CPUFREQ / "scaling_governor")
        facts["system"] = f"{platform.system()} {platform.release()}"
        return {**facts, "versions": versions}, ()

    def op_state(self, *_: object) -> Frame:
        """Return the clock in MHz and the hottest sensor in degrees Celsius; -1 means unknown."""
        clock = text_of(CPUFREQ / "scaling_cur_freq")
        zones = Path("/sys/class/thermal").glob("thermal_zone*/temp")
        degrees = [int(text) / 1000 for text in map(text_of, zones) if text.isdigit()]
        mhz = int(clock) / 1000 if clock.isdigit() else -1.0
        return {"clock_mhz": mhz, "celsius": max(degrees, default=-1.0)}, ()

    def op_receive(self, request: Json, blobs: Arrays) -> Frame:
        """Append a part of a model to an unnamed file, which can't outlive this process."""
        if request["start"] == 0:
            folder = LARGE if os.access(LARGE, os.W_OK) else None
            self.received = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - load closes it
        self.received.write(blobs[0])
        self.received.flush()
        return {}, ()

    def op_load(self, request: Json, _: Arrays) -> Frame:
        """Load the model at ``path``, or the one that was received."""
        path = request["path"] or f"/dev/fd/{self.received.fileno()}"
        source: Json = {"model_path": path}
        if not os.path.exists(path):  # noqa: PTH110 - where /proc can't be read
            self.received.seek(0)
            source = {"model_content": self.received.read()}
        model = self.models[request["id"]] = Model(source, request)
        self.received = None
        io = {"inputs": model.inputs, "outputs": model.outputs, "init_s": model.init_s}
        details = model.interpreter._get_ops_details()  # noqa: SLF001 - there is no other way
        nodes = [[op["op_name"], op["inputs"].tolist(), op["outputs"].tolist()] for op in details]
        return {"handle": request["id"], "batch": model.batch, "nodes": nodes, **io}, ()

    def op_unload(self, *_: object) -> Frame:
        """Unload every model."""
        self.models.clear()
        return {}, ()

    def op_infer(self, request: Json, blobs: Arrays) -> Frame:
        """Run a model on samples (n, ...); return float32 (n, ...) per output, or samples."""
        pixels = np.load(request["path"], mmap_mode="r") if request["path"] else blobs[0]
        pixels = np.asarray(pixels)[request["start"] :][: request["count"]]
        model, total = self.models[request["handle"]], len(pixels)
        feed, results = model.feeder(request["preprocessing"], pixels), list[Any]()
        own, outputs = 0 if request["path"] else pixels.nbytes, list[Any]()
        for first in range(0, total, model.batch):
            self.progress(first)
            feed(pixels[first : first + model.batch])
            model.invoke()
            if request["most"]:
                answers = [sampled(answer, request["most"]) for answer in model.answers()]
            else:
                answers = model.tensors()
            for number, values in enumerate(answers):
                rows = values if values.shape[:1] == (model.batch,) else values[None]
                if first == 0:
                    results.append(np.full((total, *rows.shape[1:]), 0, rows.dtype))  # resident
                    own += results[-1].nbytes
                if rows.shape[1:] != results[number].shape[1:]:
                    raise ValueError(f"output {number} changes its shape from image to image")
                results[number][first : first + model.batch] = rows[: total - first]
            last = first + model.batch >= total
            if last or model.invoked <= EACH or model.invoked % THEN_EVERY == 0:
                sizes = self.gauge.read()
                outputs.append([model.invoked, *(n if n < 0 else n - own for n in sizes)])
        real = results if request["most"] else model.real(results)  # at once, which is quicker
        answered = [values.astype(np.float32, copy=False) for values in real]
        return {"held": outputs}, answered

    def op_repeat(self, request: Json, blobs: Arrays) -> Frame:
        """Run a model repeatedly on the same samples (n, ...); return the memory it holds.

        It stops at ``counts[0]`` inferences, or later at the last of ``counts`` that time allows.
        """
        model, pixels, outputs = self.models[request["handle"]], blobs[0], list[Any]()
        feed, end = (
            model.feeder(request["preprocessing"], pixels),
            time.perf_counter() + request["budget_s"],
        )
        for count in request["counts"]:
            if outputs and time.perf_counter() > end:
                break
            while model.invoked < count:
                self.progress(model.invoked)
                first = model.invoked * model.batch % len(pixels)
                feed(pixels[first : first + model.batch])
                model.invoke()
                model.answers()
                allocated, resident = self.gauge.read()
                if resident < 0:  # not Linux: a peak never falls, but it shows growth
                    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                    resident = peak if sys.platform == "darwin" else peak * 1024
                outputs.append([model.invoked, allocated, resident])
        return {"held": outputs}, ()

    def op_infer_tensors(self, request: Json, blobs: Arrays) -> Frame:
        """Run a model once on one array per input; real arrays are quantized if the input is."""
        model = self.models[request["handle"]]
        for tensor, array in zip(model.inputs, blobs):  # noqa: B905
            real = array.dtype.kind == "f" and tensor["dtype"] in REAL_TYPES
            values = quantize(array, tensor["dtype"], *tensor["quantization"]) if real else array
            model.interpreter.set_tensor(tensor["index"], values)
        model.invoke()
        return {}, model.answers()

    def op_time(self, request: Json, blobs: Arrays) -> Frame:
        """Time models in blocks (A B, B A, ...), each on the next sample of (k, ...)."""
        end, load = time.perf_counter() + request["budget_s"], os.getloadavg()[0]
        models, done = [self.models[handle] for handle in request["handles"]], 0
        each = zip(models, request["preprocessing"], blobs)  # noqa: B905
        feeds = [model.feeder(how, images) for model, how, images in each]
        for model, feed, images in zip(models, feeds, blobs):  # noqa: B905
            for turn in range(request["warmup"] + (model.first_s < 0)):
                feed(images[turn % len(images)][None])
                self.progress(done)
                model.invoke()
                done += 1
        samples: list[list[float]] = [[] for _ in models]
        turns = list(range(len(models)))
        for first in range(0, request["rounds"], request["block"]):
            if first and time.perf_counter() > end:
                break
            for turn in turns:
                place = first // request["block"] % len(blobs[turn])
                feeds[turn](blobs[turn][place : place + 1])
                times = range(min(request["block"], request["rounds"] - first))
                for _ in times:
                    samples[turn].append(models[turn].invoke())
                    done += 1
                    if samples[turn][-1] > PROGRESS_S:  # too slow for reporting to disturb it
                        self.progress(done)
            turns.reverse()
            self.progress(done)
        facts = {"first_s": [model.first_s for model in models], "load": [load, os.getloadavg()[0]]}
        return facts, [np.array(sample, np.float64) for sample in samples]

    def op_memory(self, request: Json, _: Arrays) -> Frame:
        """Return resident bytes, now and peak; starts a new peak first if requested."""
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5" * request["reset"], "ascii")
        try:
            rows = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
            sizes = {key: text.split() for key, text in (row.split(":", 1) for row in rows)}
            resident, peak = (int(sizes[key][0]) * 1024 for key in ("VmRSS", "VmHWM"))
        except OSError:  # not Linux: this number includes the parent's size at the fork
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            resident = peak = peak if sys.platform == "darwin" else peak * 1024
        return {"resident": resident, "peak": peak}, ()


def answer(worker: Worker, request: Json, blobs: Arrays) -> Frame:
    """Return the answer to a request; an exception becomes an answer too."""
    try:
        worker.last = -1
        header, arrays = getattr(worker, "op_" + request["op"])(request, blobs)
    except Exception as error:  # noqa: BLE001 - the client decides what it means
        traceback.print_exc()
        kinds = [kind.__name__ for kind in type(error).__mro__]
        return {"kind": "error", "kinds": kinds, "message": f"{error}"}, ()
    return {"kind": "result", **header}, arrays


def watch(stdin: int) -> None:
    """End this process when the client is gone, even in the middle of an inference."""
    gone = select.poll()
    gone.register(stdin, 0)
    gone.poll()
    time.sleep(GRACE_S)  # earlier requests may still be answered
    os._exit(0)


def main() -> int:
    """Serve until the client says goodbye or is gone."""
    faulthandler.enable()
    threading.Thread(target=watch, args=(0,), daemon=True).start()
    worker = Worker(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # output of native code must not get between frames
    gc.disable()  # never in the middle of a timed block
    arrays: Arrays = ()
    while (frame := read_frame(sys.stdin.buffer)) and frame[0]["op"] != "bye":
        arrays = ()  # drops the last answer, so that memory reflects one request
        gc.collect()
        header, arrays = answer(worker, *frame)
        write_frame(worker.stdout, {"id": frame[0]["id"], **header}, arrays)
    return 0


if __name__ == "__main__":
    os._exit(main())  # nothing is left to write, and shutting down Python takes a while
