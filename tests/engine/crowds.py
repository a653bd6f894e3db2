"""Pictures of a batch, whoever is beside them and wherever in it they are."""

import torch


def same_in_crowds(answers, watched, others, bucket):
    """What `answers` gives each of `watched` alone, found to be the same, bit for bit, among others in three orders.

    `answers` makes a batch's rows of its pictures, padded to `bucket`.
    """
    alone = [answers([one])[0] for one in watched]
    for turned in range(3):
        crowd = [*watched[turned:], *watched[:turned], *others * bucket][:bucket][:: 1 if turned else -1]
        for slot, (one, bits) in enumerate(zip(crowd, answers(crowd), strict=True)):
            if one in watched:
                assert torch.equal(bits, alone[watched.index(one)]), (turned, slot)
    return alone
