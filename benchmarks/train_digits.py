"""Train the network of `model=digits`: `python benchmarks/train_digits.py`, half a minute on one core.

It is trained on the first 900 handwritten digits, shifted by up to one pixel, and never sees the other 897.
The last line is its accuracy on them, which is not used for anything: the number of epochs is fixed. With the
same seed, machine and version of torch the weights are the same.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from etbench.data import digits
from etbench.models.digits import WEIGHTS, DigitsNet

EPOCHS, BATCH, RATE, DECAY, SMOOTHING = 40, 30, 4e-3, 1e-2, 0.1


def trained(seed: int) -> DigitsNet:
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, classes = (torch.from_numpy(array) for array in digits.training())
    net = DigitsNet().train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    steps = EPOCHS * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for chosen in torch.split(torch.randperm(len(images)), BATCH):
            optimizer.zero_grad()
            logits = net(shifted(images[chosen]))
            torch.autograd.backward(cross_entropy(logits, classes[chosen], label_smoothing=SMOOTHING))
            optimizer.step()
            schedule.step()
    return net.eval()


def shifted(images: Tensor) -> Tensor:
    """Move each image by up to one pixel in each direction."""
    framed = pad(images, (1, 1, 1, 1))
    down, right = torch.randint(3, (2, len(images))).tolist()
    return torch.stack([one[:, y : y + 8, x : x + 8] for one, y, x in zip(framed, down, right, strict=True)])


def accuracy(net: DigitsNet) -> float:
    images, classes = (torch.from_numpy(array) for array in digits.held_out())
    with torch.no_grad():
        return float((net(images).argmax(dim=1) == classes).float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    net = trained(args.seed)
    weights = {
        name: tensor.contiguous()
        for name, tensor in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    about = {
        "data": "training half of the handwritten digits of scikit-learn (UCI, CC BY 4.0)",
        "license": "Apache-2.0",
    }
    args.out.write_bytes(save(weights, metadata=about))
    print(f"{args.out}: {args.out.stat().st_size:,} bytes, accuracy {accuracy(net):.4f} on unseen images")


if __name__ == "__main__":
    main()
