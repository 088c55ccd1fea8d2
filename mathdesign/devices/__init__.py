"""What a network costs on a device: its operators, tables of measured times, models of cost.

No solver and no network library is known here. Spaces name the operators of their networks
(:meth:`mathdesign.spaces.kind.Kind.operators`), tables and models say what each of them costs.
"""
