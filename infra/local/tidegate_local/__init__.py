"""The embedded AWS: template.yaml and the real handlers on ministack, inside this machine.

`launcher` runs the emulator, `overlay` makes template.yaml deployable on it, `stack` puts both together; `up` and
`demo` are the two commands made of them, with the records of `samples` and the files of `exported`. `guard` and
`runtime` run in processes of their own: the emulator's and the functions'.
"""
