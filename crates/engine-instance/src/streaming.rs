//! Modules compiled while their bytes arrive.

use crate::engine::from_compile_error;
use crate::{Context as _, Engine, Error, Module, Result};
use bytes::Bytes;
use core::future::poll_fn;
use core::pin::pin;
use futures_core::Stream;
use futures_io::AsyncRead;
use std::io::{ErrorKind, Read};

/// Compiles a module while its bytes arrive: function bodies as soon as they are complete, in the background
/// ([`Config::compile_tasks`](crate::Config::compile_tasks)). The module is the same as if it had been there as a whole.
///
/// Bytes come by [`push`](StreamingCompiler::push), or from a reader or stream:
/// [`Module::from_reader`], [`Module::from_async_reader`], [`Module::from_stream`].
///
/// ```
/// use engine_instance::{Engine, StreamingCompiler};
/// let bytes = wat::parse_str("(module (func (export \"f\")))")?;
/// let mut compiler = StreamingCompiler::new(&Engine::default());
/// for chunk in bytes.chunks(7) {
///     compiler.push(chunk)?;
/// }
/// let module = compiler.finish()?;
/// assert!(module.get_export("f").is_some());
/// # Ok::<(), engine_instance::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamingCompiler {
    engine: Engine,
    compiler: engine_compiler::StreamingCompiler,
}

/// Bytes read from a file or socket at a time.
const CHUNK: usize = 64 << 10;

impl StreamingCompiler {
    /// A compiler that has seen nothing yet.
    pub fn new(engine: &Engine) -> StreamingCompiler {
        let config = engine.config();
        let (features, start) = (config.features, config.start());
        let mode = engine.preferred_mode();
        let compiler = engine_compiler::StreamingCompiler::new(engine.compiler(), features, mode, start);
        StreamingCompiler { engine: engine.clone(), compiler }
    }

    /// Makes room for a module of this many bytes, if that is known beforehand, as from a `Content-Length`. Only a hint.
    pub fn expect_size(&mut self, bytes: usize) {
        self.compiler.expect_size(bytes);
    }

    /// All bytes so far.
    pub fn bytes(&self) -> &[u8] {
        self.compiler.bytes()
    }

    /// Adds the next bytes, any number of them. When compilation falls far behind, this thread compiles for a while.
    ///
    /// # Errors
    /// The error that [`Module::new`] would give for the whole module, as soon as it is certain. Final: from then on, `push` and `finish`
    /// return it again.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.compiler.push(bytes).map_err(from_compile_error)
    }

    /// Says that there is no more, waits until everything is compiled, and returns the module.
    ///
    /// # Errors
    /// As [`Module::new`].
    pub fn finish(self) -> Result<Module> {
        let (decoded, state) = self.compiler.finish().map_err(from_compile_error)?;
        Ok(Module::from_compiled(&self.engine, decoded, state, Vec::new()))
    }

    /// Stops, and frees what was compiled. The same as dropping the compiler.
    pub fn abort(self) {
        self.compiler.abort();
    }
}

/// What a stream of bytes consists of: [`Bytes`], or results with them.
pub trait StreamItem {
    /// The bytes, or why there are none.
    fn into_bytes(self) -> Result<Bytes>;
}

impl StreamItem for Bytes {
    fn into_bytes(self) -> Result<Bytes> {
        Ok(self)
    }
}

impl<E: Into<Error>> StreamItem for core::result::Result<Bytes, E> {
    fn into_bytes(self) -> Result<Bytes> {
        self.map_err(Into::into)
    }
}

/// What to say about a source that fails.
const CANNOT_READ: &str = "cannot read the module";

impl Module {
    /// Compiles a module while it is read.
    ///
    /// # Errors
    /// As [`Module::new`], or when reading fails. Nothing is read after an error.
    pub fn from_reader(engine: &Engine, mut reader: impl Read) -> Result<Module> {
        let mut compiler = StreamingCompiler::new(engine);
        let mut chunk = vec![0; CHUNK];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => return compiler.finish(),
                Ok(count) => compiler.push(&chunk[..count])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::new(error)).context(CANNOT_READ),
            }
        }
    }

    /// Compiles a module while it is read, under any executor. At the end it waits for the functions that are still being compiled.
    ///
    /// # Errors
    /// As [`Module::from_reader`].
    pub async fn from_async_reader(engine: &Engine, reader: impl AsyncRead) -> Result<Module> {
        let mut reader = pin!(reader);
        let mut compiler = StreamingCompiler::new(engine);
        let mut chunk = vec![0; CHUNK];
        loop {
            match poll_fn(|context| reader.as_mut().poll_read(context, &mut chunk)).await {
                Ok(0) => return compiler.finish(),
                Ok(count) => compiler.push(&chunk[..count])?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::new(error)).context(CANNOT_READ),
            }
        }
    }

    /// Compiles a module while its bytes come out of a stream, under any executor. At the end it waits for the functions that are still being
    /// compiled.
    ///
    /// # Errors
    /// As [`Module::new`], or the stream's own.
    pub async fn from_stream<S>(engine: &Engine, stream: S) -> Result<Module>
    where
        S: Stream<Item: StreamItem>,
    {
        let mut stream = pin!(stream);
        let mut compiler = StreamingCompiler::new(engine);
        while let Some(item) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            compiler.push(&item.into_bytes().context(CANNOT_READ)?)?;
        }
        compiler.finish()
    }
}
