// Package containerlog reads the files in which container runtimes keep what
// programs write to stdout and stderr: the lines of the Kubernetes container
// runtime interface (CRI), which Podman's k8s-file driver writes as well, and
// those of Docker's json-file driver.
//
// ParseCRI and ParseDocker read one line each, a Joiner puts together what the
// runtime cut into pieces, and KubernetesPath, DockerPath and ReadDockerConfig
// tell whose file it is. README.md is the contract.
//
// Nothing here is kept between calls but what a Joiner holds; a Joiner belongs
// to one goroutine, all functions may be called from many.
package containerlog
