"""The embedded AWS: template.yaml and the real handlers on ministack, inside this machine.

`launcher` runs the emulator, `overlay` makes template.yaml deployable on it, `stack` puts both together; `up` and
`demo` are the two commands made of them, `samples` the records of the demo. `guard` and `runtime` run in processes of
their own: the emulator's and the functions'.
"""
