"""Several equal workers train one model: each takes its own batch, gradients are averaged. On shared cores one thread
each beats one process with many threads."""
import os
import signal
import sys
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def _work(rank, workers, store, main, args):
    if workers > 1:
        torch.set_num_threads(1)
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=workers)
    main(args, rank)


def launch(main, args):
    """Runs `main(args, rank)` in `args.workers` processes, which end with this one."""
    if args.workers < 2:
        return _work(0, 1, None, main, args)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    with tempfile.TemporaryDirectory() as folder:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        mp.spawn(_work, (args.workers, folder + "/store", main, args), args.workers, daemon=True)


def average(tensors):
    """Replaces each tensor by its mean over the workers, in one message."""
    if not dist.is_initialized():
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    at = 0
    for tensor in tensors:
        tensor.copy_(flat[at:at + tensor.numel()].view_as(tensor))
        at += tensor.numel()


def average_gradients(parameters):
    average([p.grad for p in parameters if p.grad is not None])


def agree(value):
    """Rank 0's number, at every worker: time is up for all at once."""
    if not dist.is_initialized():
        return value
    box = torch.tensor([value], dtype=torch.float64)
    dist.broadcast(box, 0)
    return box.item()
