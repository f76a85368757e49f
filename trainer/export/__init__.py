"""From a finished run to what the service loads: weights, graph, golden pair and model card."""

from trainer.export.bundle import Form, export_run, find_export, name_graph

__all__ = ["Form", "export_run", "find_export", "name_graph"]
