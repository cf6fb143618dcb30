package main

const asyncapiPath = "docs/asyncapi.yaml"

func asyncapi(m *model) []byte { return nil }
