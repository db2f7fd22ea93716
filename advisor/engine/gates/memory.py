"""Whether the weights fit a node, and whether a replica of the deployment that was laid out stays within one."""

from __future__ import annotations

import math

from advisor.catalog import Catalog
from advisor.domain.gates import Gate
from advisor.domain.hardware import Accelerator
from advisor.domain.profile import Profile
from advisor.domain.sizing import Deployment
from advisor.domain.text import counted
from advisor.domain.units import GB
from advisor.engine.gates.software import served_model
from advisor.engine.memory import weight_bytes

PIPELINE = (
    "a replica is a pipeline over {nodes} nodes, of which there are no measurements; its rate is the best case, that no"
    " stage ever waits for another and that the network between the nodes takes no time"
)
"""What is said of a replica over several nodes, wherever it is."""


def memory_gate(
    profile: Profile, accelerator: Accelerator, catalog: Catalog, tier: int = 0, deployment: Deployment | None = None
) -> Gate | None:
    """Weights of a tier's model against the memory of one fast domain [1e9 bytes].

    At the precision of the deployment, which the part runs; at the narrowest accepted one where none could be laid out.
    None for a model that the catalog does not list, unless its replica spans nodes: its layout is judged elsewhere.
    """
    model = served_model(profile, catalog, tier)
    stages = 1 if deployment is None else deployment.pp
    if model is None:
        return _spans(stages, accelerator) if stages > 1 else None
    accepted = (deployment.precision,) if deployment is not None else profile.tiers[tier].model.precisions
    sizes = {p: weight_bytes(model, p, accelerator).total / GB for p in accepted}
    precision = min(sizes, key=lambda p: sizes[p])
    weights, per_gpu = sizes[precision], accelerator.memory_bytes / GB
    gpus = math.ceil(weights / per_gpu)
    domain = max(accelerator.scale_up_domain, accelerator.gpus_per_node)
    arithmetic = (
        f"weights {weights:,.0f} GB at {precision.upper()} / {per_gpu:,.0f} GB per GPU = {weights / per_gpu:.2f},"
        f" so at least {counted(gpus, 'GPU')}; fast domain {counted(domain, 'GPU')}"
    )
    rule = (
        "All weights of a replica must lie in the memory of its GPUs, and the GPUs should share the fast"
        f" interconnect. {model.name} takes {weights:,.0f} GB at {precision.upper()}, {accelerator.name} has"
        f" {per_gpu:,.0f} GB."
    )
    size = accelerator.memory_provenance or accelerator.provenance
    common = {
        "gate": "memory",
        "arithmetic": arithmetic,
        "citation": "model and accelerator tables",
        "source": f"{model.provenance.source_id}; {size.source_id}",
        "as_of": size.as_of,
    }
    if gpus <= domain and stages > 1:
        return _spans(stages, accelerator).model_copy(update=common)
    if gpus <= domain:
        where = (
            "one GPU" if gpus == 1 else f"{gpus} GPUs of one node" if gpus <= accelerator.gpus_per_node else "a rack"
        )
        return Gate(
            **common, status="pass", title=f"Weights fit {where}",
            reason=f"{rule} The rest of the memory holds the KV cache; whether it is enough for your load is judged"
            " with the deployment.",
        )  # fmt: skip
    return Gate(
        **common,
        status="condition",
        condition="review",
        title=f"Weights need {gpus} GPUs, more than one node",
        reason=f"{rule} A replica would span nodes, which slows every token"
        f"{'; ' + PIPELINE.format(nodes=stages) if stages > 1 else ''}.",
        remedy="Accept a narrower precision, or take a part with more memory.",
    )


def _spans(nodes: int, accelerator: Accelerator) -> Gate:
    """A replica over nodes of its own accord: for the cache, or of a model whose weights the catalog does not know."""
    return Gate(
        gate="memory", status="condition", condition="review", title=f"A replica spans {nodes} nodes",
        reason=f"A node of {accelerator.name} has no room for the weights and the cache of this load, so that"
        f" {PIPELINE.format(nodes=nodes)}.",
        remedy="Measure such a pipeline before you sign, or take a part with more memory.",
        citation="model and accelerator tables", source=accelerator.provenance.source_id,
        as_of=accelerator.provenance.as_of,
    )  # fmt: skip
