package slowdisk

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

const (
	fuseType   = "c10klab-disk" // mounts are of type fuse.c10klab-disk
	fileName   = "disk"
	fileNode   = 2
	maxIOBytes = 1 << 20 // one request of the loop device is one of FUSE's
	// foreverSeconds keeps the kernel from asking again for what never changes.
	foreverSeconds = 1 << 30
)

// fileServer is a FUSE file system of one file: the disk's blocks. It never
// offers passthrough, which would go round the delay.
type fileServer struct {
	fuse.RawFileSystem
	pacer     *pacer
	blocks    blocks
	sizeBytes int64
}

func serveFile(dir, source string, fs *fileServer, concurrent bool) (*fuse.Server, error) {
	options := &fuse.MountOptions{
		Name: fuseType, FsName: source, DirectMountStrict: true, DirectMountFlags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC,
		MaxWrite: maxIOBytes, MaxBackground: 64, DisableXAttrs: true, DisableSplice: true,
		DisabledCapabilities: fuse.CAP_PASSTHROUGH,
	}
	if concurrent {
		// Without this the loop device's worker waits for each answer before it
		// sends the next request, which keeps their order for a moving head.
		options.ExtraCapabilities = fuse.CAP_ASYNC_DIO
	}
	server, err := fuse.NewServer(fs, dir, options)
	if err != nil {
		return nil, fmt.Errorf("mount FUSE on %s: %w", dir, err)
	}
	go server.Serve()
	return server, nil
}

func (s *fileServer) attributes(node uint64, out *fuse.Attr) fuse.Status {
	*out = fuse.Attr{Ino: node, Mode: syscall.S_IFDIR | 0o700, Nlink: 2}
	if node == fileNode {
		*out = fuse.Attr{
			Ino: node, Mode: syscall.S_IFREG | 0o600, Nlink: 1, Blksize: blockBytes,
			Size: uint64(s.sizeBytes), Blocks: uint64(s.sizeBytes / 512),
		}
	}
	return fuse.OK
}

func (s *fileServer) Lookup(_ <-chan struct{}, _ *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if name != fileName {
		return fuse.ENOENT
	}
	out.NodeId, out.EntryValid, out.AttrValid = fileNode, foreverSeconds, foreverSeconds
	return s.attributes(fileNode, &out.Attr)
}

func (s *fileServer) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	out.AttrValid = foreverSeconds
	return s.attributes(in.NodeId, &out.Attr)
}

func (s *fileServer) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if in.NodeId != fileNode {
		return fuse.EISDIR
	}
	out.OpenFlags = fuse.FOPEN_DIRECT_IO
	return fuse.OK
}

// Fsync costs nothing: an answered write is on the emulated disk.
func (s *fileServer) Fsync(<-chan struct{}, *fuse.FsyncIn) fuse.Status { return fuse.OK }

func (s *fileServer) Read(_ <-chan struct{}, in *fuse.ReadIn, buffer []byte) (fuse.ReadResult, fuse.Status) {
	offsetBytes := int64(in.Offset)
	if offsetBytes >= s.sizeBytes {
		return fuse.ReadResultData(nil), fuse.OK
	}
	buffer = buffer[:min(int64(len(buffer)), int64(in.Size), s.sizeBytes-offsetBytes)]
	if !areWhole(buffer, offsetBytes) {
		return nil, fuse.EINVAL
	}
	err := s.pacer.do(Request{OffsetBytes: offsetBytes, Bytes: len(buffer)}, func() error {
		return s.blocks.readBlocks(buffer, offsetBytes)
	})
	return fuse.ReadResultData(buffer), statusOf(err)
}

func (s *fileServer) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	offsetBytes := int64(in.Offset)
	if offsetBytes+int64(len(data)) > s.sizeBytes {
		return 0, fuse.Status(syscall.ENOSPC)
	}
	if !areWhole(data, offsetBytes) {
		return 0, fuse.EINVAL
	}
	err := s.pacer.do(Request{Write: true, OffsetBytes: offsetBytes, Bytes: len(data)}, func() error {
		return s.blocks.writeBlocks(data, offsetBytes)
	})
	return uint32(len(data)), statusOf(err)
}

// statusOf gives the kernel an error's number: EIO where it has none.
func statusOf(err error) fuse.Status {
	if err == nil {
		return fuse.OK
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return fuse.Status(errno)
	}
	return fuse.EIO
}
