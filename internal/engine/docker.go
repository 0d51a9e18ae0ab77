package engine

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

// docker is the Engine behind the Docker API. It is the only place that knows
// the client library.
type docker struct {
	api  *client.Client
	host string // where it answers, if not where the library thinks
}

// Open finds the engine that DOCKER_HOST or the docker command's context names,
// else the one of this machine, and makes sure that it answers. Its error is
// [ErrUnavailable] when none does.
func Open(ctx context.Context) (Engine, error) {
	opts, host, err := endpoint()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	api, err := client.NewClientWithOpts(append(opts, client.WithAPIVersionNegotiation())...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if _, err := api.Ping(ctx); err != nil {
		_ = api.Close()
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return &docker{api, host}, nil
}

// endpoint says where the engine is. The client library itself knows no ssh, so
// that such a host has another name there.
func endpoint() (opts []client.Opt, name string, err error) {
	host := os.Getenv("DOCKER_HOST")
	if other := contextHost(); other != "" {
		host = other
	}
	if !strings.HasPrefix(host, "ssh://") {
		opts = []client.Opt{client.FromEnv}
		if host != "" {
			opts = append(opts, client.WithHost(host))
		}
		return opts, "", nil
	}
	dial, err := sshDialer(host)
	if err != nil {
		return nil, "", err
	}
	// The name stands for whatever is at the other end of the dialer.
	return []client.Opt{client.WithHost("http://engine"), client.WithDialContext(dial)}, host, nil
}

func (d *docker) Close() error { return d.api.Close() }

func (d *docker) Info(ctx context.Context) (Info, error) {
	v, err := d.api.ServerVersion(ctx)
	if err != nil {
		return Info{}, err
	}
	i, err := d.api.Info(ctx)
	if err != nil {
		return Info{}, err
	}
	now, err := time.Parse(time.RFC3339Nano, i.SystemTime)
	if err != nil {
		return Info{}, fmt.Errorf("the engine's clock cannot be read: %w", err)
	}
	return Info{Version: v.Version, OS: v.Os, Arch: v.Arch, Endpoint: cmp.Or(d.host, d.api.DaemonHost()), Now: now}, nil
}

func (d *docker) CreateNetwork(ctx context.Context, name string, labels map[string]string) (string, error) {
	n, err := d.api.NetworkCreate(ctx, name, network.CreateOptions{Driver: "bridge", Labels: labels})
	return n.ID, err
}

// Images.

func (d *docker) HasImage(ctx context.Context, ref string) (bool, error) {
	_, err := d.api.ImageInspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

func (d *docker) ImportImage(ctx context.Context, ref string, layer io.Reader, changes []string) error {
	r, err := d.api.ImageImport(ctx, image.ImportSource{Source: layer, SourceName: "-"}, ref, image.ImportOptions{Changes: changes})
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	return messages(r, nil)
}

func (d *docker) PullImage(ctx context.Context, ref string, progress func(string)) error {
	r, err := d.api.ImagePull(ctx, ref, image.PullOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	return messages(r, progress)
}

func (d *docker) BuildImage(ctx context.Context, ref, dockerfile string, labels map[string]string, progress func(string)) error {
	files, err := Tar(File{Name: "Dockerfile", Mode: 0o644, Body: []byte(dockerfile)})
	if err != nil {
		return err
	}
	r, err := d.api.ImageBuild(ctx, files, build.ImageBuildOptions{
		Tags: []string{ref}, Labels: labels, Remove: true, ForceRemove: true, Version: build.BuilderV1,
	})
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	return messages(r.Body, progress)
}

func (d *docker) TagImage(ctx context.Context, ref, as string) error {
	return d.api.ImageTag(ctx, ref, as)
}

func (d *docker) ListImages(ctx context.Context, label string) ([]string, error) {
	list, err := d.api.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", label))})
	var refs []string
	for _, i := range list {
		refs = append(refs, i.RepoTags...)
	}
	return refs, err
}

func (d *docker) RemoveImage(ctx context.Context, ref string) error {
	_, err := d.api.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	return unlessGone(err)
}

// Containers.

func (d *docker) CreateContainer(ctx context.Context, c Container) (string, error) {
	config := &container.Config{
		Image: c.Image, Cmd: c.Command, Env: c.Env, Labels: c.Labels, Hostname: c.Hostname,
		OpenStdin: c.Stdin, StdinOnce: c.Stdin, AttachStdin: c.Stdin, AttachStdout: c.Stdin, AttachStderr: c.Stdin,
		StopSignal: c.StopSignal,
	}
	host := &container.HostConfig{
		Resources:      container.Resources{Memory: c.Memory},
		ReadonlyRootfs: c.ReadOnly,
		CapAdd:         c.Add,
	}
	if c.Init {
		host.Init = &c.Init
	}
	if c.NoLog {
		host.LogConfig = container.LogConfig{Type: "none"}
	}
	if c.DropAll {
		host.CapDrop, host.SecurityOpt = []string{"ALL"}, []string{"no-new-privileges"}
	}
	for _, path := range c.Volumes {
		host.Mounts = append(host.Mounts, mount.Mount{
			Type: mount.TypeVolume, Target: path, VolumeOptions: &mount.VolumeOptions{Labels: c.Labels},
		})
	}
	for _, v := range c.Bounded {
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Target: v.Path, VolumeOptions: &mount.VolumeOptions{
			Labels: c.Labels, NoCopy: true, DriverConfig: inMemory(v.Bytes),
		}})
	}
	if c.VolumesOf != "" {
		host.VolumesFrom = []string{c.VolumesOf}
	}
	var net *network.NetworkingConfig
	if c.JoinOf != "" {
		host.NetworkMode = container.NetworkMode("container:" + c.JoinOf)
		host.PidMode = container.PidMode("container:" + c.JoinOf)
	} else if c.Network != "" {
		host.NetworkMode = container.NetworkMode(c.Network)
		net = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{c.Network: {Aliases: c.Aliases}}}
	}
	r, err := d.api.ContainerCreate(ctx, config, host, net, nil, c.Name)
	return r.ID, err
}

// inMemory has the engine's own driver mount a tmpfs.
func inMemory(bytes int64) *mount.Driver {
	return &mount.Driver{Name: "local", Options: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": fmt.Sprintf("size=%d,mode=0755", bytes)}}
}

func (d *docker) StartContainer(ctx context.Context, id string) error {
	return d.api.ContainerStart(ctx, id, container.StartOptions{})
}

func (d *docker) KillContainer(ctx context.Context, id string) error {
	if err := d.api.ContainerKill(ctx, id, "KILL"); err != nil {
		if cerrdefs.IsConflict(err) && strings.Contains(err.Error(), "not running") {
			return nil // it has ended by itself
		}
		return err
	}
	ended, failed := d.api.ContainerWait(ctx, id, container.WaitConditionNotRunning)
	select {
	case <-ended:
		return nil
	case err := <-failed:
		return err
	}
}

func (d *docker) StopContainer(ctx context.Context, id string, grace time.Duration) error {
	seconds := int(grace / time.Second)
	return d.api.ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds})
}

func (d *docker) PauseContainer(ctx context.Context, id string) error {
	return d.api.ContainerPause(ctx, id)
}

func (d *docker) UnpauseContainer(ctx context.Context, id string) error {
	return d.api.ContainerUnpause(ctx, id)
}

func (d *docker) InspectContainer(ctx context.Context, id string) (Status, error) {
	c, err := d.api.ContainerInspect(ctx, id)
	if err != nil {
		return Status{}, err
	}
	var s Status
	if c.State != nil {
		s = Status{Running: c.State.Running, Paused: c.State.Paused, ExitCode: c.State.ExitCode, Error: c.State.Error}
	}
	if c.NetworkSettings != nil {
		for _, n := range c.NetworkSettings.Networks {
			s.IP = n.IPAddress
		}
	}
	return s, nil
}

func (d *docker) Attach(ctx context.Context, id string, stderr io.Writer) (Stream, error) {
	h, err := d.api.ContainerAttach(ctx, id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, err
	}
	return newStream(h, stderr), nil
}

func (d *docker) Exec(ctx context.Context, id string, command []string) (Stream, error) {
	e, err := d.api.ContainerExecCreate(ctx, id, container.ExecOptions{
		Cmd: command, AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return nil, err
	}
	h, err := d.api.ContainerExecAttach(ctx, e.ID, container.ExecAttachOptions{})
	if err != nil {
		return nil, err
	}
	return newStream(h, io.Discard), nil
}

func (d *docker) CopyTo(ctx context.Context, id, dir string, tar io.Reader) error {
	return d.api.CopyToContainer(ctx, id, dir, tar, container.CopyToContainerOptions{})
}

func (d *docker) HasFile(ctx context.Context, id, path string) (bool, error) {
	_, err := d.api.ContainerStatPath(ctx, id, path)
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

func (d *docker) Logs(ctx context.Context, id string, w io.Writer, tail int) error {
	opts := container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true}
	if tail > 0 {
		opts.Tail = strconv.Itoa(tail)
	}
	r, err := d.api.ContainerLogs(ctx, id, opts)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	_, err = io.Copy(w, &demux{r: r})
	return err
}

// Objects.

func (d *docker) List(ctx context.Context, label string) ([]Object, error) {
	var (
		all    []Object
		filter = filters.NewArgs(filters.Arg("label", label))
	)
	containers, err := d.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, err
	}
	for _, c := range containers {
		o := Object{Kind: ContainerKind, ID: c.ID, Labels: c.Labels, State: c.State, Created: time.Unix(c.Created, 0)}
		if len(c.Names) > 0 {
			o.Name = c.Names[0][1:]
		}
		all = append(all, o)
	}
	networks, err := d.api.NetworkList(ctx, network.ListOptions{Filters: filter})
	if err != nil {
		return nil, err
	}
	for _, n := range networks {
		all = append(all, Object{Kind: NetworkKind, ID: n.ID, Name: n.Name, Labels: n.Labels, Created: n.Created})
	}
	volumes, err := d.api.VolumeList(ctx, volume.ListOptions{Filters: filter})
	if err != nil {
		return nil, err
	}
	for _, v := range volumes.Volumes {
		created, _ := time.Parse(time.RFC3339, v.CreatedAt)
		all = append(all, Object{Kind: VolumeKind, ID: v.Name, Name: v.Name, Labels: v.Labels, Created: created})
	}
	return all, nil
}

func (d *docker) Remove(ctx context.Context, o Object) error {
	switch o.Kind {
	case ContainerKind:
		return unlessGone(d.api.ContainerRemove(ctx, o.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	case NetworkKind:
		return unlessGone(d.api.NetworkRemove(ctx, o.ID))
	case VolumeKind:
		return unlessGone(d.api.VolumeRemove(ctx, o.ID, true))
	}
	return fmt.Errorf("cannot remove a %s", o.Kind)
}

// unlessGone hides that something is gone or being removed by somebody else.
func unlessGone(err error) error {
	if cerrdefs.IsNotFound(err) || cerrdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress") {
		return nil
	}
	return err
}

// stream is a hijacked connection, taken apart.
type stream struct {
	net.Conn
	out    demux
	hijack types.HijackedResponse
}

func newStream(h types.HijackedResponse, stderr io.Writer) *stream {
	return &stream{Conn: h.Conn, out: demux{r: h.Reader, stderr: stderr}, hijack: h}
}

func (s *stream) Read(p []byte) (int, error) { return s.out.Read(p) }
func (s *stream) CloseWrite() error          { return s.hijack.CloseWrite() }
